/**
 * The `Dialer` of a client of ours in the virtual network, as `internal/ws.ts` is the real one.
 */
import type { VirtualNetwork } from "@holdfast/testing"
import { Effect } from "effect"
import type { Dialer, Target } from "../../src/Dialer.ts"
import { Refused, type Transport, TransportError, Unreachable } from "../../src/Transport.ts"
import type { EventLoop } from "./eventLoop.ts"
import { transportOf } from "./transportOf.ts"
import type { Wire } from "./wire.ts"

/** Dials whoever is met. */
export const dialing = (meet: () => Wire, loop: EventLoop): typeof Dialer.Service => ({
  dial: Effect.fnUntraced(function* (target: Target) {
    const { headers = {}, protocols = [], url } = target
    const { host, origin, pathname, search } = new URL(url)
    const greeting = { host, connection: "Upgrade", upgrade: "websocket", "sec-websocket-version": "13", ...headers }
    const { peer: socket } = yield* Effect.acquireRelease(Effect.sync(meet), (wire) =>
      Effect.sync(() => wire.peer.terminate()),
    )
    return yield* Effect.callback<Transport, TransportError>((resume) => {
      const fail = (reason: TransportError["reason"]) => resume(Effect.fail(new TransportError({ reason })))
      socket.once("close", () => fail(new Unreachable({ target: origin, kind: "reset", why: "socket hang up" })))
      socket.once("head", ({ body, headers, protocol, status }: VirtualNetwork.Response) => {
        if (status !== 101) return fail(new Refused({ target: origin, status, headers, body }))
        socket.open(protocol)
        socket.pause()
        resume(Effect.succeed(transportOf(socket, { protocol, headers }, loop)))
      })
      socket.greet({ _tag: "Request", url: `${pathname}${search}`, headers: greeting, protocols })
    })
  }),
})
