// Raises Vite's warning limit of 500 kB, because the page has 550 kB. The OpenAI SDK alone has 395 kB.
export default { build: { chunkSizeWarningLimit: 1000 } };
