/**
 * The two ends, with nothing but `node:net`: a server that answers every line, and a connection to ask it. They could as well be a database
 * and its driver.
 */
import * as Net from "node:net"
import { Context, Effect, Layer } from "effect"

/** The server. */
export class Shop extends Context.Service<Shop, { readonly address: string }>()("example/Shop") {
  static readonly layer = Layer.effect(
    Shop,
    Effect.gen(function* () {
      const server = Net.createServer((socket) => {
        socket.on("error", () => {}).on("data", (name) => socket.write(`${name} is in stock`))
      })
      yield* Effect.acquireRelease(
        Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
        () => Effect.sync(() => server.close()),
      )
      const { port } = server.address() as Net.AddressInfo // it listens on TCP
      return { address: `127.0.0.1:${port}` }
    }),
  )
}

/** A connection; what it is asked when it is over fails with how it ended. */
export interface Connection {
  readonly ask: (name: string) => Effect.Effect<string, string>
}

/** Dials. */
export const connect = Effect.fnUntraced(function* (address: string) {
  const [host, port] = address.split(":")
  const socket = yield* Effect.acquireRelease(
    Effect.sync(() => Net.connect(Number(port), host)),
    (dialled) => Effect.sync(() => dialled.destroy()),
  )
  let end: string | undefined
  socket.on("error", ({ code }: NodeJS.ErrnoException) => (end ??= code))
  socket.on("close", () => (end ??= "closed"))
  const next = (event: "connect" | "data") =>
    Effect.callback<Buffer, string>((resume) => {
      const came = (data: Buffer) => resume(Effect.succeed(data))
      const over = () => resume(Effect.fail(end ?? "closed"))
      if (socket.closed) return over()
      socket.once(event, came).once("close", over)
      return Effect.sync(() => socket.off(event, came).off("close", over))
    })
  yield* next("connect")
  return {
    ask: (name) => {
      socket.write(name)
      return Effect.map(next("data"), String)
    },
  } satisfies Connection
})
