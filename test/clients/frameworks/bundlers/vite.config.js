// Vite warns above 500 kB. The OpenAI SDK has 395 of the page's 550 kB.
export default { build: { chunkSizeWarningLimit: 1000 } };
