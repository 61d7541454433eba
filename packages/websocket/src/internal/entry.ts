/**
 * How sessions begin and clients get in, for every mode: the pieces from which the modes are made.
 */
import * as Entropy from "@holdfast/core/Entropy"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import { Acceptor, type Incoming, type Upgrade } from "../Acceptor.ts"
import * as Dialer from "../Dialer.ts"
import type { Options, Rejected } from "../Proxy.ts"
import type { Headers } from "../Transport.ts"
import * as Answers from "./answers.ts"
import type * as CloseCode from "./closeCode.ts"
import * as Digest from "./digest.ts"
import * as HeaderRules from "./headers.ts"
import * as Reach from "./reach.ts"
import type { Rules } from "./rules.ts"
import type { Session } from "./session.ts"
import type { Sessions } from "./sessions.ts"
import * as Tokens from "./tokens.ts"
import * as Target from "./target.ts"
import * as Upstream from "./upstream.ts"

/** What a client is called, and may show. */
export interface Named {
  /** Raw, as the upstream sees it. */
  readonly id: string
  readonly principal: string
}

/** The pieces for these options. */
export const make = Effect.fnUntraced(function* <R>(options: Options<R>, rules: Rules, sessions: Sessions) {
  const acceptor = yield* Acceptor
  const dialer = yield* Dialer.Dialer
  const base = Upstream.parse(options.upstream)
  const {
    authorize = () => Effect.succeed(""),
    forwarded = true,
    handshakeTimeout = "10 seconds",
    maxSessions = 10_000,
  } = options
  const reach = yield* Reach.make({
    target: Upstream.nameOf(options.upstream),
    maxDials: options.maxDials ?? 64,
    timeout: handshakeTimeout,
    backoff: options.backoff,
    forever: rules.forever,
    stableAfter: rules.stableAfter,
  })
  const { memory, registry } = sessions

  /** Where a client's request goes, and what is said of it. */
  const onward = (client: Incoming) => ({
    url: Target.resolve(base, client.path),
    headers: HeaderRules.toUpstream(client, { forwarded, reconnects: rules.gate || rules.compat }),
    tls: options.upstreamTls,
  })

  const dial =
    (target: Omit<Dialer.Target, "headers"> & { readonly headers: Headers }, id: string, session: Session) =>
    (again: boolean) =>
      dialer.dial({
        ...target,
        headers: {
          ...target.headers,
          [HeaderRules.connectionId]: id,
          ...(again && session.hasInfo ? { [HeaderRules.reconnect]: "true" } : {}),
        },
        maxMessage: acceptor.maxMessage,
      })

  /** Logs and lists show it: where an id alone opens a session, it is a secret. */
  const labelOf = (id: string) => (rules.compat ? Digest.of(id).slice(0, 12) : id)

  const link = (session: Session, target: Parameters<typeof dial>[0], id: string) =>
    Effect.tap(reach({ session, dial: dial(target, id, session) }), (made) =>
      Effect.sync(() => {
        session.link = made
      }),
    )

  const turnedAway = <E>(why: "sessions" | "memory", answer: E) =>
    Effect.suspend(() => {
      sessions.turnedAway(why)
      return Effect.fail(answer)
    })
  const place = Effect.suspend(() =>
    registry.admitted() > maxSessions ? turnedAway("sessions", Reach.busy) : Effect.void,
  )

  // Made here, so that it keeps nothing of the request.
  const releasing = (scope: Scope.Closeable) => () => {
    const rest = Scope.closeUnsafe(scope, Exit.void)
    if (rest !== undefined && !Exit.isExit(rest)) sessions.fork(rest)
  }

  /** Answers a client that belongs to the session; its connection is cut when the session's scope closes, or its own. */
  const accept = Effect.fnUntraced(function* (upgrade: Upgrade, session: Session, headers: Headers) {
    const { protocol } = session
    const scope = yield* Scope.fork(session.scope)
    const transport = yield* upgrade.accept({ protocol, headers }).pipe(
      Scope.provide(scope),
      Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause))),
    )
    return { transport, released: releasing(scope) }
  })

  /** It asked for something it may not have: with this answer, or 429 when that happens too often. */
  const refuse = (upgrade: Upgrade, answer: Answers.Own) =>
    Effect.suspend(() => Effect.fail(sessions.refused(upgrade.remote) ? answer : Answers.tooOften))

  return {
    sessions,
    rules,
    refuse,
    /** Who comes to a session must go on in its subprotocol. */
    speaks: (upgrade: Upgrade, { protocol }: Session) =>
      protocol === "" || upgrade.protocols.includes(protocol) ? Effect.void : Effect.fail(Answers.offer(protocol)),
    /** It has its answer, and is not wanted any more. */
    dismiss: (
      { released, transport }: Effect.Success<ReturnType<typeof accept>>,
      { code, reason }: CloseCode.Goodbye,
    ) => Effect.andThen(transport.close(code, reason), Effect.sync(released)),
    onward,
    handshakeTimeout,
    authorize: (client: Incoming): Effect.Effect<string, Rejected, R> => authorize(client),
    accept,
    /** Whether there is a place for one more client. */
    place,
    /** The same, for one with a session of its own. */
    room: Effect.andThen(
      place,
      Effect.suspend(() => (memory.isTight ? turnedAway("memory", Answers.outOfMemory) : Effect.void)),
    ),
    /** A session for a client that nobody knows: dials its upstream, then gives it its answer, with a token if it may come back. */
    fresh: Effect.fnUntraced(function* (
      upgrade: Upgrade,
      { id, principal }: Named,
      of: { readonly token: boolean; readonly named: boolean },
    ) {
      const scope = yield* Scope.make()
      const token = Redacted.value(yield* Entropy.token())
      const session = sessions.make({
        label: labelOf(id),
        id,
        principal,
        binding: bindingOf(principal, upgrade),
        key: Tokens.key(token),
        forward: upgrade.headers[HeaderRules.replayId] !== undefined,
        scope,
      })
      const target = { ...onward(upgrade), protocols: upgrade.protocols }
      yield* Effect.gen(function* () {
        const upstream = yield* (yield* link(session, target, id)).get
        const client = yield* accept(upgrade, session, {
          ...HeaderRules.toClient(upstream.headers),
          [HeaderRules.connectionId]: id,
          ...(of.token ? { [HeaderRules.resumeToken]: token } : {}),
        })
        sessions.add(session, of.named ? id : undefined)
        session.start(client.transport, client.released)
      }).pipe(
        Scope.provide(scope),
        Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause))),
      )
    }),
    /** The path of the upstream itself. */
    basePath: base.pathname,
    /** A session without a client, that dials its upstream at once and for ever; ends with the proxy. */
    lasting: Effect.gen(function* () {
      const scope = yield* Scope.make()
      const id = yield* Entropy.id(16)
      const session = sessions.make({
        label: "shared",
        id,
        principal: "",
        binding: "",
        key: { turn: 0, tokens: [] },
        forward: false,
        scope,
      })
      sessions.add(session)
      yield* Scope.provide(
        link(session, { url: Target.resolve(base, "/"), headers: {}, tls: options.upstreamTls }, id),
        scope,
      )
      return session
    }),
  }
})

/** The pieces. */
export type Entry<R> = Effect.Success<ReturnType<typeof make<R>>>

/** Who may resume: the same credentials from the same place as the first time. */
export const bindingOf = (principal: string, { headers }: Incoming): string =>
  Digest.of(JSON.stringify([principal, headers["authorization"] ?? "", headers["origin"] ?? ""]))
