/**
 * The proxy put together: the acceptor's clients go through the mode into sessions, plain requests past them. And the way out: drain.
 */
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import { Acceptor, type Request, type Upgrade } from "../Acceptor.ts"
import type { Options } from "../Proxy.ts"
import * as Answers from "./answers.ts"
import * as Entry from "./entry.ts"
import * as HeaderRules from "./headers.ts"
import * as Receiver from "./receiver.ts"
import * as Resume from "./resume.ts"
import * as Rules from "./rules.ts"
import * as Sessions from "./sessions.ts"
import * as Upstream from "./upstream.ts"
import * as Wheel from "./wheel.ts"

/** Serves the acceptor in the context until the scope closes. */
export const serve = Effect.fnUntraced(function* <R>(options: Options<R>) {
  const acceptor = yield* Acceptor
  const rules = Rules.make(options)
  const { compat, drainTimeout = "10 seconds", onBack, onLost, upstream } = options
  const name = Upstream.nameOf(Upstream.parse(upstream).href)
  const wheel = yield* Wheel.make
  // Before the sessions, so that it still runs while they drain.
  const run = yield* FiberSet.makeRuntime<R, void>()
  const fork = (what: string) => (effect: Effect.Effect<void, never, R>) =>
    void run(Effect.tapDefect(effect, (defect) => Effect.logError(`${what} died`, defect)))
  const sessions = yield* Sessions.make({
    name,
    rules,
    wheel,
    drainTimeout,
    memory: options.memory ?? (compat === undefined ? "256MiB" : "512MiB"),
    early: acceptor.earlyBytes,
    fork: fork("ending a session"),
    onLost: onLost === undefined ? () => {} : (loss) => fork("the hook onLost")(onLost(loss)),
    onBack: onBack === undefined ? () => {} : (receipt) => fork("the hook onBack")(onBack(receipt)),
  })
  const entry = yield* Entry.make(options, rules, sessions, wheel)
  const enter = yield* modeOf(options, entry)

  const upgrade = (it: Upgrade) =>
    enter(it).pipe(
      sessions.registry.admit,
      Effect.catch((refusal) => Answers.refuse(it, refusal)),
    )

  const request = (it: Request) =>
    Effect.andThen(entry.room, entry.authorize(it)).pipe(
      Effect.andThen(
        it.forward({
          ...entry.onward(it),
          answerHeaders: HeaderRules.toClient,
          connectTimeout: entry.handshakeTimeout,
          answerTimeout: options.httpTimeout ?? "1 minute",
        }),
      ),
      Effect.catch((refusal) => Answers.refuse(it, refusal)),
      sessions.registry.visit,
    )

  yield* acceptor.serve({ upgrade, request: options.http === "forward" ? request : undefined })
})

const modeOf = <R>(options: Options<R>, entry: Entry.Entry<R>) => {
  if (options.mode !== "receiver") {
    return Effect.succeed(Resume.make(entry, { resumable: options.mode !== "sender" }))
  }
  return options.perConnection === true
    ? Effect.succeed(Receiver.perConnection(entry, { trusted: options.trustConnectionId === true }))
    : Receiver.shared(entry)
}
