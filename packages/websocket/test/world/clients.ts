/**
 * The clients in front of the proxy, and the `Acceptor` that lets them in, as `internal/door.ts` does with the real library. Plain HTTP
 * requests are not simulated.
 */
import type { VirtualNetwork } from "@holdfast/testing"
import { Effect, Exit, FiberSet, type Scope } from "effect"
import type { Acceptor, Handlers, Upgrade } from "../../src/Acceptor.ts"
import * as Target from "../../src/internal/target.ts"
import { Gone, type Headers, TransportError } from "../../src/Transport.ts"
import type { EventLoop } from "./eventLoop.ts"
import { Peer } from "./peer.ts"
import { transportOf } from "./transportOf.ts"
import type { Wire } from "./wire.ts"

export interface DialOptions {
  /** Path and query. Default `"/"`. */
  readonly path?: string | undefined
  /** Names in lower case. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly protocols?: ReadonlyArray<string> | undefined
  /** Does not read until it is told to. Default `false`. */
  readonly paused?: boolean | undefined
}

/** What came of a client's dial. */
export type Answer =
  | { readonly _tag: "Open"; readonly peer: Peer }
  | { readonly _tag: "Refused"; readonly status: number; readonly headers: Headers; readonly body: string }
  | { readonly _tag: "Gone" }

export interface Clients {
  readonly acceptor: Acceptor["Service"]
  /** Dials the proxy; interrupted, the client leaves before its answer. */
  readonly dial: (options?: DialOptions) => Effect.Effect<Answer>
  /** A connection for whoever dials with code of its own: the proxy answers what it greets with. */
  readonly meet: () => Wire
}

type Run = ReturnType<typeof Effect.runFork>

export const make = (loop: EventLoop, maxMessage: number, wireOf: (maxMessage: number) => Wire): Clients => {
  let current: ((upgrade: Upgrade) => Run) | undefined
  let clients = 0

  const meet = () => {
    const wire = wireOf(maxMessage)
    const remote = `10.0.0.${++clients}`
    wire.proxy.once("head", (request: VirtualNetwork.Request) => arrived(wire, request, remote))
    return wire
  }

  const dial = ({ paused = false, ...options }: DialOptions = {}) =>
    Effect.callback<Answer>((resume) => {
      const wire = meet()
      const end = wire.peer
      end.once("close", () => resume(Effect.succeed({ _tag: "Gone" })))
      end.once("head", ({ body, headers, protocol, status }: VirtualNetwork.Response) => {
        if (status !== 101) {
          return resume(Effect.succeed({ _tag: "Refused", status, headers, body: Buffer.from(body).toString() }))
        }
        end.open(protocol)
        if (paused) end.pause()
        resume(Effect.succeed({ _tag: "Open", peer: new Peer(wire, { headers, protocol }) }))
      })
      end.greet(requestOf(options))
      return Effect.sync(() => end.terminate())
    })

  const arrived = (wire: Wire, request: VirtualNetwork.Request, remote: string) => {
    const end = wire.proxy
    const answer = (status: number, body: string | Uint8Array, headers: Headers = {}) => {
      if (end.readyState !== 0 || end.isRefused) return
      const type: Headers = typeof body === "string" ? { "content-type": "text/plain; charset=utf-8" } : {}
      const bytes = typeof body === "string" ? Buffer.from(`${body}\n`) : body
      end.greet({ _tag: "Response", status, headers: { ...type, ...headers }, protocol: "", body: bytes })
      end.refuse()
    }
    const wrong = Target.refusal(request.url)
    if (wrong !== undefined) return answer(400, wrong)
    if (current === undefined) return answer(503, "shutting down", retryLater)

    let leave = () => {}
    end.once("close", () => leave())
    const run = current({
      path: Target.stripPrefix("/", request.url),
      headers: request.headers as Upgrade["headers"], // a client here sends each name once
      remote,
      secure: false,
      protocols: request.protocols,
      reject: (status, body, headers) => Effect.sync(() => answer(status, body, headers)),
      accept: (accepted = {}) =>
        Effect.suspend(() => {
          leave = () => {} // from now on it is the transport that tells
          return accept(wire, request, accepted)
        }),
    })
    leave = () => run.interruptUnsafe()
    run.addObserver((exit) => {
      const bug = Exit.isFailure(exit) && !Exit.hasInterrupts(exit)
      if (bug) answer(500, "internal error")
      else answer(503, "shutting down", retryLater)
    })
  }

  const accept = Effect.fnUntraced(function* (
    { proxy: end }: Wire,
    request: VirtualNetwork.Request,
    { headers = {}, protocol = "" }: NonNullable<Parameters<Upgrade["accept"]>[0]>,
  ) {
    yield* Effect.acquireRelease(
      Effect.sync(() => {
        if (end.isRefused) return
        end.greet({ _tag: "Response", status: 101, headers, protocol, body: new Uint8Array() })
        end.open(protocol)
        end.pause()
      }),
      () => Effect.sync(() => end.terminate()),
    )
    if (end.readyState !== 1) return yield* new TransportError({ reason: new Gone({ target: "the client" }) })
    return transportOf(end, { protocol, headers: request.headers }, loop)
  })

  return {
    acceptor: {
      address: "proxy:80",
      maxMessage,
      earlyBytes: () => 0,
      serve: Effect.fnUntraced(function* <R>({ upgrade }: Handlers<R>): Effect.fn.Return<void, never, R | Scope.Scope> {
        const fork = yield* FiberSet.makeRuntime<R, void>()
        yield* Effect.acquireRelease(
          Effect.sync(() => {
            current = (it) => fork(supervised(() => upgrade(it)))
          }),
          () => Effect.sync(() => (current = undefined)),
        )
      }),
      replaceTls: () => Effect.void,
    },
    dial,
    meet,
  }
}

// A bug of the proxy is one client's 500, as in the real door, and is seen.
const supervised = <R>(handle: () => Effect.Effect<void, never, R>): Effect.Effect<void, never, R> =>
  Effect.tapDefect(Effect.suspend(handle), (defect) => Effect.logError("the handler of a client died", defect))

const retryLater = { "retry-after": "1" }

// What a browser's handshake has, so that it can be seen what crosses the proxy.
const requestOf = ({ headers = {}, path = "/", protocols = [] }: DialOptions): VirtualNetwork.Request => ({
  _tag: "Request",
  url: path,
  headers: {
    host: "proxy",
    connection: "Upgrade",
    upgrade: "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
    ...(protocols.length > 0 ? { "sec-websocket-protocol": protocols.join(", ") } : {}),
    ...headers,
  },
  protocols,
})
