// node start.mjs PORT DIRECTORY: @tus/server with its file store at /files/.
import { FileStore } from '@tus/file-store'
import { Server } from '@tus/server'
import { createServer } from 'node:http'

const [port, directory] = process.argv.slice(2)
const tus = new Server({ path: '/files', relativeLocation: true, datastore: new FileStore({ directory }) })
const server = createServer((request, response) => tus.handle(request, response))
server.listen(Number(port), '127.0.0.1')
