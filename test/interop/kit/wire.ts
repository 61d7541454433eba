/**
 * A piece of network that can be cut: carries TCP to a port of the loopback, and resets what it carries when told.
 */
import * as Net from "node:net"
import type { AddressInfo } from "node:net"
import { Effect } from "effect"

/** A wire to that port. */
export const wireTo = Effect.fnUntraced(function* (port: number) {
  const sockets = new Set<Net.Socket>()
  let whole = true
  const server = Net.createServer((near) => {
    if (!whole) return void near.resetAndDestroy()
    const far = Net.connect(port, "127.0.0.1")
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one)
      one.on("error", () => {}) // its close event follows
      one.on("close", () => {
        sockets.delete(one)
        other.destroy()
      })
      one.pipe(other)
    }
  })
  const cut = () => {
    for (const socket of sockets) socket.resetAndDestroy()
  }
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
    () =>
      Effect.sync(() => {
        server.close()
        cut()
      }),
  )
  const { port: near } = server.address() as AddressInfo // it listens on TCP
  return {
    url: `ws://127.0.0.1:${near}`,
    /** Resets everything on it; what comes next gets through. */
    cut,
    /** Cut for good, until it is mended. */
    sever: () => {
      whole = false
      cut()
    },
    mend: () => {
      whole = true
    },
  }
})
