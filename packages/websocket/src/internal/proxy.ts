/**
 * The path of a client through the proxy: limits, authorize, dial, 101, join. And the way out: drain.
 */
import * as Entropy from "@holdfast/core/Entropy"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberSet from "effect/FiberSet"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { Acceptor, type Incoming, type Request, type Upgrade } from "../Acceptor.ts"
import * as Dialer from "../Dialer.ts"
import type { Options, Rejected } from "../Proxy.ts"
import { type Transport, TransportError, Unreachable } from "../Transport.ts"
import * as HeaderRules from "./headers.ts"
import * as PassThrough from "./passThrough.ts"
import * as Registry from "./registry.ts"
import * as Target from "./target.ts"

/** Serves the acceptor in the context until the scope closes. */
export const serve = Effect.fnUntraced(function* <R>(options: Options<R>) {
  const acceptor = yield* Acceptor
  const dialer = yield* Dialer.Dialer
  const base = parseUpstream(options.upstream)
  const { authorize = () => Effect.succeed(""), forwarded = true, http = "refuse" } = options
  const { handshakeTimeout = "10 seconds", maxDials = 64, maxSessions = 10_000 } = options
  const timeoutMillis = Duration.toMillis(Duration.fromInputUnsafe(handshakeTimeout))
  const name = nameOf(base)
  const dials = yield* Semaphore.make(maxDials)
  // Before the registry, so that it still runs while the registry drains.
  const fork = yield* FiberSet.makeRuntime<never, void>()
  const registry = yield* Registry.make({ name, drainTimeout: options.drainTimeout ?? "10 seconds" })

  const onward = (client: Incoming) => ({
    url: Target.resolve(base, client.path),
    headers: HeaderRules.toUpstream(client, { forwarded }),
    tls: options.upstreamTls,
  })

  const dial = (upgrade: Upgrade, id: string) => {
    const { headers, ...target } = onward(upgrade)
    const dialled = dialer.dial({
      ...target,
      headers: { ...headers, [HeaderRules.connectionId]: id },
      protocols: upgrade.protocols,
      maxMessage: acceptor.maxMessage,
    })
    // One deadline for queue and dial together: what the client waits for is its answer.
    return Effect.suspend(() => {
      const deadline = registry.now() + timeoutMillis
      let queued = true
      const turn = Effect.suspend(() => {
        queued = false
        return registry.dialling(
          Effect.timeoutOrElse(dialled, {
            duration: deadline - registry.now(),
            orElse: () => Effect.fail(silent(name)),
          }),
        )
      })
      const impatience = Effect.suspend(() => (queued ? Effect.fail(busy) : Effect.never))
      return Effect.raceFirst(dials.withPermit(turn), Effect.delay(impatience, timeoutMillis))
    })
  }

  const establish = Effect.fnUntraced(function* (upgrade: Upgrade, scope: Scope.Closeable) {
    yield* authorize(upgrade)
    const id = acceptableId(upgrade.headers[HeaderRules.connectionId]) ?? (yield* Entropy.id(16))
    const upstream = yield* dial(upgrade, id)
    const client = yield* upgrade.accept({
      protocol: upstream.protocol,
      headers: { ...HeaderRules.toClient(upstream.headers), [HeaderRules.connectionId]: id },
    })
    join(id, client, upstream, scope)
  })

  const join = (id: string, client: Transport, upstream: Transport, scope: Scope.Closeable) => {
    const { down, left, up } = registry
    const end = (ends: PassThrough.Ends) => {
      left(session, ends)
      fork(Scope.close(scope, Exit.void))
    }
    const session = PassThrough.join({ id, client, upstream, up, down, fork, onEnd: end })
    registry.joined(session)
  }

  const upgrade = (it: Upgrade) =>
    registry.admitted() >= maxSessions
      ? refuse(it, busy)
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
    authorize(it).pipe(
      Effect.andThen(
        it.forward({ ...onward(it), answerHeaders: HeaderRules.toClient, connectTimeout: handshakeTimeout }),
      ),
      Effect.catch((refusal) => refuse(it, refusal)),
    )

  yield* acceptor.serve({ upgrade, request: http === "forward" ? request : undefined })
})

interface Refusal {
  readonly _tag: "Refusal"
  readonly status: number
  readonly why: string
}
const busy: Refusal = { _tag: "Refusal", status: 503, why: "too many sessions; try again later" }
const silent = (target: string) =>
  new TransportError({ reason: new Unreachable({ target, kind: "timeout", why: "no answer in time" }) })

const refuse = (client: Incoming, refusal: Refusal | Rejected | TransportError): Effect.Effect<void> => {
  if (refusal._tag !== "TransportError") {
    return client.reject(refusal.status, refusal.why, refusal.status === 503 ? { "retry-after": "1" } : {})
  }
  const { reason } = refusal
  if (reason._tag === "Refused") return client.reject(reason.status, reason.body, HeaderRules.toClient(reason.headers))
  return reason._tag === "Unreachable" && reason.kind === "timeout"
    ? client.reject(504, "the upstream did not answer in time")
    : client.reject(502, "the upstream cannot be reached")
}

const parseUpstream = (upstream: string): URL => {
  const url = URL.canParse(upstream) ? new URL(upstream) : undefined
  if (
    url === undefined ||
    !/^wss?:$/.test(url.protocol) ||
    url.hash !== "" ||
    url.username !== "" ||
    url.password !== ""
  ) {
    throw new TypeError(
      `upstream: expected a ws:// or wss:// URL without credentials and fragment, got ${JSON.stringify(upstream)}`,
    )
  }
  return url
}

/** For labels and lists: no query, which may hold a secret. */
const nameOf = (base: URL): string => `${base.protocol}//${base.host}${base.pathname === "/" ? "" : base.pathname}`

const acceptableId = (id: string | undefined): string | undefined =>
  id !== undefined && /^[\x21-\x7e]{1,128}$/.test(id) ? id : undefined
