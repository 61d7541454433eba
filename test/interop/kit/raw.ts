/**
 * Plain TCP peers for the proxy's tests: bytes that no WebSocket library would send, and answers as they are on the wire.
 */
import { createHash } from "node:crypto"
import * as Net from "node:net"
import { Deferred, Effect, Queue } from "effect"
import { opcode, parseFrame, type WireFrame } from "./frames.ts"

/** One end of a TCP connection. */
export interface Raw {
  readonly socket: Net.Socket
  readonly write: (...parts: ReadonlyArray<string | Uint8Array>) => void
  /** The next thing of a kind, once all of it is there; fails the test when the connection ends before. */
  readonly read: <A>(parse: (bytes: Buffer) => readonly [value: A, used: number] | undefined) => Effect.Effect<A>
  /** The next WebSocket frame that is not a Ping: those are let pass, and not answered. */
  readonly frame: Effect.Effect<WireFrame>
  /** The next WebSocket frame, a Ping too. */
  readonly anyFrame: Effect.Effect<WireFrame>
  /** The connection is over; how it broke, if it did. */
  readonly closed: Effect.Effect<string>
  /** Everything that came and was not read. */
  readonly rest: () => Buffer
  /** Ends it with a reset. */
  readonly reset: () => void
}

/** A request or an answer, as far as its headers go. */
export interface Head {
  readonly first: string
  /** Names in lower case, in the order they came. */
  readonly lines: ReadonlyArray<readonly [name: string, value: string]>
  /** The values of a header, joined. */
  readonly header: (name: string) => string | undefined
}

const observe = (socket: Net.Socket): Raw => {
  let bytes: Buffer = Buffer.alloc(0)
  let how = ""
  const waiting = new Set<() => void>()
  const closed = Deferred.makeUnsafe<string>()
  const wake = () => {
    for (const check of waiting) check()
  }
  socket.on("data", (chunk) => {
    bytes = Buffer.concat([bytes, chunk])
    wake()
  })
  socket.on("error", (error: NodeJS.ErrnoException) => (how = error.code ?? error.message))
  socket.on("close", () => {
    Deferred.doneUnsafe(closed, Effect.succeed(how))
    wake()
  })
  const read: Raw["read"] = (parse) =>
    Effect.callback((resume) => {
      const check = () => {
        const found = parse(bytes)
        if (found !== undefined) {
          bytes = bytes.subarray(found[1])
          resume(Effect.succeed(found[0]))
        } else if (socket.destroyed) resume(Effect.die(new Error(`closed ${how} after ${JSON.stringify(`${bytes}`)}`)))
        else return
        waiting.delete(check)
      }
      waiting.add(check)
      check()
      return Effect.sync(() => waiting.delete(check))
    })
  return {
    socket,
    write: (...parts) => void socket.write(Buffer.concat(parts.map((part) => Buffer.from(part)))),
    read,
    frame: Effect.repeat(read(parseFrame), { while: ({ opcode: kind }) => kind === opcode.ping }),
    anyFrame: read(parseFrame),
    closed: Deferred.await(closed),
    rest: () => bytes,
    reset: () => socket.resetAndDestroy(),
  }
}

/** Connects to `HOST:PORT`; cut when the scope closes. */
export const dial = Effect.fnUntraced(function* (address: string) {
  const [host, port] = address.split(":")
  const socket = yield* Effect.acquireRelease(
    Effect.sync(() => Net.connect(Number(port), host)),
    (opened) => Effect.sync(() => opened.destroy()),
  )
  return observe(socket)
})

/** A TCP server on a free port of the loopback; closed with its connections when the scope closes. */
export const listen = Effect.gen(function* () {
  const accepted = yield* Queue.unbounded<Raw>()
  const open = new Set<Net.Socket>()
  let count = 0
  const server = Net.createServer((socket) => {
    count++
    open.add(socket)
    socket.once("close", () => open.delete(socket))
    Queue.offerUnsafe(accepted, observe(socket))
  })
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
    () =>
      Effect.callback<void>((resume) => {
        for (const socket of open) socket.destroy()
        server.close(() => resume(Effect.void))
      }),
  )
  const { port } = server.address() as Net.AddressInfo // it listens on TCP
  return {
    port,
    url: `ws://127.0.0.1:${port}`,
    accepted: Queue.take(accepted),
    /** How often somebody connected. */
    count: () => count,
    /** How many of them are still there. */
    open: () => open.size,
  }
})

/** The next request or answer, up to its empty line. */
export const head = (raw: Raw): Effect.Effect<Head> =>
  raw.read((bytes) => {
    const end = bytes.indexOf("\r\n\r\n")
    if (end === -1) return undefined
    const [first = "", ...rest] = bytes.subarray(0, end).toString("latin1").split("\r\n")
    const lines = rest.map((line) => {
      const colon = line.indexOf(":")
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const
    })
    const header = (name: string) => {
      const values = lines.filter(([one]) => one === name).map(([, value]) => value)
      return values.length === 0 ? undefined : values.join(", ")
    }
    return [{ first, lines, header }, end + 4]
  })

/** The status of the next answer, and the rest of it. */
export const answer = Effect.fnUntraced(function* (raw: Raw) {
  const { first, header, lines } = yield* head(raw)
  const length = Number(header("content-length") ?? 0)
  const body = yield* raw.read((bytes) => (bytes.length < length ? undefined : [bytes.subarray(0, length), length]))
  return { status: Number(first.split(" ")[1]), header, lines, body: body.toString() }
})

/** The bytes of an upgrade request; a header given as `undefined` is left out. */
export const upgradeRequest = (
  options: {
    readonly first?: string
    readonly headers?: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>
  } = {},
): string => {
  const headers = {
    Host: "proxy.test",
    Connection: "Upgrade",
    Upgrade: "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    ...options.headers,
  }
  const lines = Object.entries(headers).flatMap(([name, value]) =>
    (value === undefined ? [] : typeof value === "string" ? [value] : value).map((one) => `${name}: ${one}`),
  )
  return [options.first ?? "GET / HTTP/1.1", ...lines, "", ""].join("\r\n")
}

/** The bytes of a 101 to this request. */
export const switching = (request: Head, headers: ReadonlyArray<string> = []): string => {
  const key = `${request.header("sec-websocket-key")}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`
  const accept = `Sec-WebSocket-Accept: ${createHash("sha1").update(key).digest("base64")}`
  const lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade", accept, ...headers]
  return [...lines, "", ""].join("\r\n")
}

/** A client whose handshake is done. */
export const joined = Effect.fnUntraced(function* (address: string, request = upgradeRequest()) {
  const client = yield* dial(address)
  client.write(request)
  const { first } = yield* head(client)
  return first.startsWith("HTTP/1.1 101 ") ? client : yield* Effect.die(new Error(first))
})

/** The upstream's side of a handshake, done. */
export const accept = Effect.fnUntraced(function* (
  upstream: { readonly accepted: Effect.Effect<Raw> },
  headers?: ReadonlyArray<string>,
) {
  const peer = yield* upstream.accepted
  const request = yield* head(peer)
  peer.write(switching(request, headers))
  return { ...peer, request }
})
