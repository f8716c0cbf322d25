// Serve @tus/server with its file store: node tus_node_server.mjs PORT DIRECTORY
//
// Needs `npm install @tus/server @tus/file-store` in the working directory.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const installed = createRequire(`${process.cwd()}/`);
const load = (name) => import(pathToFileURL(installed.resolve(name)));
const { Server } = await load("@tus/server");
const { FileStore } = await load("@tus/file-store");

const [port, directory] = process.argv.slice(2);
const server = new Server({ path: "/files", datastore: new FileStore({ directory }) });
server.listen({ host: "127.0.0.1", port: Number(port) });
