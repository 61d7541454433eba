/**
 * The load: an origin that echoes and clients that keep so many messages in flight, on plain sockets. Plain code.
 */
import { createHash } from "node:crypto"
import { once } from "node:events"
import * as Net from "node:net"
import { batch, frame, Scanner } from "./frames.ts"

const end = "\r\n\r\n"
const key = "dGhlIHNhbXBsZSBub25jZQ=="
const goodbye = Buffer.from([0x03, 0xe8]) // 1000

/** Listens on a free port; answers every message with one of the same size. */
export const origin = async (most: number): Promise<{ readonly port: number; readonly close: () => void }> => {
  const answers = new Map<number, Buffer>()
  const answer = (count: number, size: number): Buffer => {
    let whole = answers.get(size)
    if (whole === undefined) answers.set(size, (whole = batch(size, size < 65_536 ? most : 2, false)))
    const each = whole.length / (size < 65_536 ? most : 2)
    return count * each <= whole.length ? whole.subarray(0, count * each) : batch(size, count, false)
  }
  const server = Net.createServer({ noDelay: true }, (socket) => {
    const scanner = new Scanner({
      messages: (count, size) => void socket.write(answer(count, size)),
      ping: (payload) => void socket.write(frame("pong", payload, false)),
      close: () => socket.end(frame("close", goodbye, false)),
    })
    socket.on("error", () => socket.destroy())
    shake(socket, (head) => {
      const found = /^sec-websocket-key: *(.*)$/im.exec(head)?.[1] ?? ""
      const accept = createHash("sha1").update(`${found}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64")
      const lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"]
      socket.write([...lines, `Sec-WebSocket-Accept: ${accept}`].join("\r\n") + end)
      return scanner
    })
  })
  server.listen({ port: 0, host: "127.0.0.1", backlog: 4096 })
  await once(server, "listening")
  return { port: (server.address() as Net.AddressInfo).port, close: () => server.close() }
}

/** Reads to the end of the HTTP head; what comes after it is for the scanner. */
const shake = (socket: Net.Socket, begin: (head: string) => Scanner) => {
  let head = ""
  let scanner: Scanner | undefined
  socket.on("data", (chunk) => {
    if (scanner !== undefined) return scanner.take(chunk)
    head += chunk.toString("latin1")
    const at = head.indexOf(end)
    if (at < 0) return
    scanner = begin(head)
    const rest = head.slice(at + end.length)
    if (rest !== "") scanner.take(Buffer.from(rest, "latin1"))
  })
}

const request = (port: number) =>
  [
    "GET /bench HTTP/1.1",
    `Host: 127.0.0.1:${port}`,
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Key: ${key}`,
    "Sec-WebSocket-Version: 13",
    "Origin: http://bench.test",
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36",
  ].join("\r\n") + end

/** One client. */
export class Client {
  readonly opened: Promise<void>
  readonly closed: Promise<void>
  /** Messages that came back. */
  received = 0
  onMessages: (count: number) => void = () => {}
  readonly #socket: Net.Socket

  constructor(port: number) {
    const socket = Net.connect({ port, host: "127.0.0.1", noDelay: true })
    this.#socket = socket
    const scanner = new Scanner({
      messages: (count) => {
        this.received += count
        this.onMessages(count)
      },
      ping: (payload) => void socket.write(frame("pong", payload, true)),
      close: () => void socket.end(),
    })
    const opening = Promise.withResolvers<void>()
    const closing = Promise.withResolvers<void>()
    this.opened = opening.promise
    this.closed = closing.promise
    socket.on("error", opening.reject)
    socket.on("close", () => closing.resolve())
    socket.on("connect", () => socket.write(request(port)))
    shake(socket, (head) => {
      if (head.startsWith("HTTP/1.1 101")) opening.resolve()
      else opening.reject(new Error(head))
      return scanner
    })
  }

  send(bytes: Buffer): void {
    this.#socket.write(bytes)
  }

  /** Says goodbye. */
  close(): void {
    this.#socket.write(frame("close", goodbye, true))
  }

  cut(): void {
    this.#socket.destroy()
  }
}

/** Opens so many clients, a few at a time. */
export const connect = async (port: number, count: number): Promise<ReadonlyArray<Client>> => {
  const clients: Array<Client> = []
  while (clients.length < count) {
    const some = Array.from({ length: Math.min(50, count - clients.length) }, () => new Client(port))
    await Promise.all(some.map(({ opened }) => opened))
    clients.push(...some)
  }
  return clients
}

/** Keeps so many messages of that size in flight on each client, until it is stopped. */
export const flood = (
  clients: ReadonlyArray<Client>,
  size: number,
  inFlight: number,
): { readonly stop: () => void } => {
  const whole = batch(size, inFlight, true)
  const each = whole.length / inFlight
  for (const client of clients) {
    client.onMessages = (count) => client.send(whole.subarray(0, count * each))
    client.send(whole)
  }
  return {
    stop: () => {
      for (const client of clients) client.onMessages = () => {}
    },
  }
}

/** One message there and back. */
export const echo = (client: Client, message: Buffer): Promise<void> =>
  new Promise((resolve) => {
    client.onMessages = () => resolve()
    client.send(message)
  })
