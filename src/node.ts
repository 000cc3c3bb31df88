/** For Node.js and what is like it: `openai-file-citations/node`. */
export { directory } from "./files/directory.js";
