// The settings that @cloudflare/vite-plugin uses for a Worker.
export default {
  ssr: {
    noExternal: true,
    resolve: { conditions: ["workerd", "worker", "module", "browser", "production"] },
  },
  build: { ssr: "worker.js", target: "es2026", rolldownOptions: { platform: "neutral" } },
};
