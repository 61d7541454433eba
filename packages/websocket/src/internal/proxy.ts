/**
 * The path of a client through the proxy: limits, authorize, dial, 101, join. And the way out: drain.
 */
import * as Entropy from "@holdfast/core/Entropy"
import type { LinkError } from "@holdfast/core/Link"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberSet from "effect/FiberSet"
import * as Scope from "effect/Scope"
import { Acceptor, type Incoming, type Request, type Upgrade } from "../Acceptor.ts"
import * as Dialer from "../Dialer.ts"
import type { Options, Rejected } from "../Proxy.ts"
import type { Transport, TransportError } from "../Transport.ts"
import * as HeaderRules from "./headers.ts"
import * as PassThrough from "./passThrough.ts"
import * as Reach from "./reach.ts"
import * as Registry from "./registry.ts"
import * as Reports from "./reports.ts"
import * as Target from "./target.ts"
import * as Upstream from "./upstream.ts"

/** Serves the acceptor in the context until the scope closes. */
export const serve = Effect.fnUntraced(function* <R>(options: Options<R>) {
  const acceptor = yield* Acceptor
  const dialer = yield* Dialer.Dialer
  const base = parseUpstream(options.upstream)
  const { authorize = () => Effect.succeed(""), forwarded = true, http = "refuse", httpTimeout = "1 minute" } = options
  const { handshakeTimeout = "10 seconds", maxDials = 64, maxSessions = 10_000 } = options
  const name = Upstream.nameOf(options.upstream)
  const reach = yield* Reach.make({ target: name, maxDials, timeout: handshakeTimeout })
  // Before the registry, so that it still runs while the registry drains.
  const run = yield* FiberSet.makeRuntime<never, void>()
  const fork = (effect: Effect.Effect<void>) =>
    void run(Effect.tapDefect(effect, (defect) => Effect.logError("ending a session died", defect)))
  const registry = yield* Registry.make({ name, drainTimeout: options.drainTimeout ?? "10 seconds" })

  const onward = (client: Incoming) => ({
    url: Target.resolve(base, client.path),
    headers: HeaderRules.toUpstream(client, { forwarded }),
    tls: options.upstreamTls,
  })

  const dial = (upgrade: Upgrade, id: string) => {
    const { headers, ...target } = onward(upgrade)
    return reach(
      dialer.dial({
        ...target,
        headers: { ...headers, [HeaderRules.connectionId]: id },
        protocols: upgrade.protocols,
        maxMessage: acceptor.maxMessage,
      }),
    )
  }

  const establish = Effect.fnUntraced(function* (upgrade: Upgrade, scope: Scope.Closeable) {
    yield* authorize(upgrade)
    const id = acceptableId(upgrade.headers[HeaderRules.connectionId]) ?? (yield* Entropy.id(16))
    const upstream = yield* dial(upgrade, id)
    const client = yield* upgrade.accept({
      protocol: upstream.transport.protocol,
      headers: { ...HeaderRules.toClient(upstream.transport.headers), [HeaderRules.connectionId]: id },
    })
    join(id, client, upstream, scope)
  })

  const join = (id: string, client: Transport, upstream: Reach.Upstream, scope: Scope.Closeable) => {
    const { down, left, up } = registry
    const onEnd = (ends: PassThrough.Ends) => {
      upstream.gone(...Reports.loss(ends))
      // Before it has left: the proxy may be waiting for nothing else, and then nobody runs this any more.
      fork(Effect.uninterruptible(Scope.close(scope, Exit.void)))
      left(session)
    }
    const session = PassThrough.join({ id, client, upstream: upstream.transport, up, down, fork, onEnd })
    registry.joined(session)
  }

  const upgrade = (it: Upgrade) =>
    registry.admitted() >= maxSessions
      ? refuse(it, Reach.busy)
      : Effect.gen(function* () {
          const scope = yield* Scope.make()
          yield* establish(it, scope).pipe(
            Scope.provide(scope),
            Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause))),
          )
        }).pipe(
          registry.admit,
          Effect.catch((refusal) => refuse(it, refusal)),
        )

  const request = (it: Request) =>
    registry.admitted() >= maxSessions
      ? refuse(it, Reach.busy)
      : authorize(it).pipe(
          Effect.andThen(
            it.forward({
              ...onward(it),
              answerHeaders: HeaderRules.toClient,
              connectTimeout: handshakeTimeout,
              answerTimeout: httpTimeout,
            }),
          ),
          Effect.catch((refusal) => refuse(it, refusal)),
          registry.visit,
        )

  yield* acceptor.serve({ upgrade, request: http === "forward" ? request : undefined })
})

type Refusal = Rejected | TransportError | LinkError | typeof Reach.busy

const refuse = (client: Incoming, refusal: Refusal): Effect.Effect<void> => {
  switch (refusal._tag) {
    case "Rejected":
      return client.reject(refusal.status, refusal.why, refusal.status === 503 ? retryLater : {})
    case "Busy":
      return client.reject(503, "too many sessions; try again later", retryLater)
    case "LinkError":
      return client.reject(503, "shutting down", retryLater)
    case "TransportError":
      return unreached(client, refusal.reason)
  }
}

const retryLater = { "retry-after": "1" }

const unreached = (client: Incoming, reason: TransportError["reason"]): Effect.Effect<void> => {
  if (reason._tag === "Refused") return client.reject(reason.status, reason.body, HeaderRules.toClient(reason.headers))
  return reason._tag === "Unreachable" && reason.kind === "timeout"
    ? client.reject(504, "the upstream did not answer in time")
    : client.reject(502, "the upstream cannot be reached")
}

const parseUpstream = (upstream: string): URL => {
  if (!Upstream.isUpstream(upstream)) {
    throw new TypeError(
      `upstream: expected a ws:// or wss:// URL without credentials and fragment, got ${JSON.stringify(upstream)}`,
    )
  }
  return new URL(upstream)
}

const acceptableId = (id: string | undefined): string | undefined =>
  id !== undefined && /^[\x21-\x7e]{1,128}$/.test(id) ? id : undefined
