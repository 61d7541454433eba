/**
 * A process: a WebSocket server that writes down every number it is sent, before it answers the Ping behind it. To be killed and started
 * again. Run by `session-sigkill`.
 */
import { writeSync } from "node:fs"
import type { AddressInfo } from "node:net"
import { WebSocketServer } from "ws"

// At once, and not when the event loop finds the time: what is in the pipe survives this process.
const write = (line: string) => void writeSync(1, `${line}\n`)

const server = new WebSocketServer({ host: "127.0.0.1", port: Number(process.argv[2]) })
server.on("connection", (socket) => {
  socket.on("message", (data) => write(`${data}`))
  socket.on("error", () => {})
})
// A server on a port of TCP has an address with a port.
server.on("listening", () => write(`port ${(server.address() as AddressInfo).port}`))
process.stdin.on("end", () => process.exit(0)).resume()
