/**
 * How sessions begin and clients get in, for every mode: the pieces from which the modes are made.
 */
import * as Entropy from "@holdfast/core/Entropy"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { Acceptor, type Incoming, type Upgrade } from "../Acceptor.ts"
import * as Dialer from "../Dialer.ts"
import type { Options, Rejected } from "../Proxy.ts"
import type { LinkError } from "@holdfast/core/Link"
import type { Headers, Transport } from "../Transport.ts"
import * as Answers from "./answers.ts"
import * as CloseCode from "./closeCode.ts"
import * as Digest from "./digest.ts"
import * as HeaderRules from "./headers.ts"
import * as Reach from "./reach.ts"
import type { Rules } from "./rules.ts"
import type { Session } from "./session.ts"
import type { Sessions } from "./sessions.ts"
import * as Tokens from "./tokens.ts"
import * as Target from "./target.ts"
import * as Upstream from "./upstream.ts"
import type { Wheel } from "./wheel.ts"

/** What a client is called, and may show. */
export interface Named {
  /** Raw, as the upstream sees it. */
  readonly id: string
  readonly principal: string
}

/** The pieces for these options. */
export const make = Effect.fnUntraced(function* <R>(
  options: Options<R>,
  rules: Rules,
  sessions: Sessions,
  wheel: Wheel,
) {
  const acceptor = yield* Acceptor
  const dialer = yield* Dialer.Dialer
  const tokens = Tokens.source(yield* Entropy.Entropy)
  const base = Upstream.parse(options.upstream)
  const {
    authorize = () => Effect.succeed(""),
    forwarded = true,
    handshakeTimeout = "10 seconds",
    maxSessions = 10_000,
  } = options
  const reach = Reach.make({
    wheel,
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

  /** Dials; the answer is the first connection. */
  const reached = (session: Session, target: Parameters<typeof dial>[0], id: string) =>
    Effect.map(reach({ session, dial: dial(target, id, session) }), ({ answer, link }) => {
      session.link = link
      return answer
    })

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

  /** Answers a client and lets it enter its session, which has it from then on; one that cannot enter any more is told goodbye. */
  const accept = (
    upgrade: Upgrade,
    { protocol }: Session,
    headers: Headers,
    enter: (transport: Transport, released: () => void) => boolean,
    late: () => CloseCode.Goodbye = () => CloseCode.sessionOver,
  ) =>
    Effect.uninterruptibleMask((restore) => {
      const scope = Scope.makeUnsafe()
      const released = releasing(scope)
      const accepted = Effect.onError(Scope.provide(upgrade.accept({ protocol, headers }), scope), (cause) =>
        Scope.close(scope, Exit.failCause(cause)),
      )
      return Effect.flatMap(accepted, (transport) => {
        if (enter(transport, released)) return Effect.void
        const { code, reason } = late()
        return Effect.ensuring(restore(transport.close(code, reason)), Effect.sync(released))
      })
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
    tokens,
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
    fresh: (
      upgrade: Upgrade,
      { id, principal }: Named,
      of: { readonly token: boolean; readonly named: boolean },
    ): Effect.Effect<void, Reach.Failure | LinkError> =>
      Effect.suspend(() => {
        const scope = Scope.makeUnsafe()
        const token = tokens()
        const session = sessions.make({
          label: labelOf(id),
          id,
          principal,
          binding: bindingOf(principal, upgrade),
          key: Tokens.key(token),
          forward: upgrade.headers[HeaderRules.replayId] !== undefined,
          scope,
        })
        const begin = (client: Transport, released: () => void) => {
          sessions.add(session, of.named ? id : undefined)
          session.start(client, released)
          return true
        }
        const target = { ...onward(upgrade), protocols: upgrade.protocols }
        return Scope.provide(Effect.flatten(reached(session, target, id)), scope).pipe(
          Effect.flatMap(({ headers }) => {
            const answer = HeaderRules.toClient(headers)
            answer[HeaderRules.connectionId] = id
            if (of.token) answer[HeaderRules.resumeToken] = token
            return accept(upgrade, session, answer, begin)
          }),
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
        reached(session, { url: Target.resolve(base, "/"), headers: {}, tls: options.upstreamTls }, id),
        scope,
      )
      return session
    }),
  }
})

/** The pieces. */
export type Entry<R> = Effect.Success<ReturnType<typeof make<R>>>

/** Who may resume: the same credentials from the same place as the first time. */
export const bindingOf = (principal: string, { headers }: Incoming): string => {
  const { authorization = "", origin = "" } = headers
  if (principal === "" && authorization === "" && origin === "") return anybody
  return Digest.of(JSON.stringify([principal, authorization, origin]))
}

// Of most: one string for all of them.
const anybody = Digest.of("")
