/**
 * `holdfast up`: the proxy between an echo upstream and a client that counts, all in one process, to see it work, also while the
 * upstream is killed again and again. Not for traffic of your own: that is `holdfast proxy`.
 */
import { type Probe, Telemetry } from "@holdfast/core/Telemetry"
import * as Command from "effect/cli/Command"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { problemOfAdmin } from "../internal/combinations.ts"
import * as Chaos from "../internal/chaos.ts"
import * as Counter from "../internal/counter.ts"
import { Doubts } from "../internal/doubts.ts"
import * as Echo from "../internal/echo.ts"
import { explainUp } from "../internal/explain.ts"
import { NotFine } from "../internal/failure.ts"
import { flagsOf, givenIn } from "../internal/flags.ts"
import * as FrontDoor from "../internal/frontDoor.ts"
import * as Host from "../internal/host.ts"
import * as LiveLine from "../internal/liveLine.ts"
import * as Process from "../internal/process.ts"
import { type Given, type Resolved, resolve } from "../internal/resolve.ts"
import * as Tables from "../internal/tables.ts"
import { describe, isClean, Tally } from "../internal/tally.ts"
import * as TlsFiles from "../internal/tlsFiles.ts"
import { formatAddress } from "../internal/values.ts"

/** The command. */
export const up = Command.make(
  "up",
  flagsOf(Tables.up),
  Effect.fnUntraced(function* (input) {
    const settings = yield* settingsOf(givenIn(input))
    if (!settings.values.explain) return yield* run(settings)
    const { out } = yield* Process.Process
    out(explainUp(settings))
  }),
).pipe(
  Command.withDescription(
    "See it work: an echo upstream, the proxy in front of it, and a client that counts what comes back. " +
      "The exit code is 1 when a message was lost, came twice or came out of order; what the proxy reported as uncertain is not lost.",
  ),
  Command.withShortDescription("See it work, with an upstream and a client of its own"),
  Command.withExamples([
    { command: "holdfast up", description: "On free ports, until Ctrl-C" },
    { command: "holdfast up --chaos", description: "While the upstream is killed and started again every few seconds" },
    { command: "holdfast up --rate 500 --for 10s", description: "Ten seconds at 500 messages a second" },
  ]),
)

/** The settings in effect; a combination that makes no sense is an error. */
export const settingsOf = Effect.fnUntraced(function* (given: Given) {
  const settings = yield* resolve("up", given)
  const problem = problemOfAdmin(settings)
  return problem === undefined ? settings : yield* problem
})

const run = Effect.fnUntraced(function* ({ sources, values }: Resolved<typeof Tables.up>) {
  const { err } = yield* Process.Process
  const token = yield* TlsFiles.token(values["admin-token-file"], sources["admin-token-file"].where)
  yield* Host.run({
    log: values,
    hangUp: false,
    admin: { at: values.admin, orElseFree: false, token, tls: undefined },
    drainDelay: Duration.zero,
    start: Effect.fnUntraced(function* ({ admin }) {
      const tally = new Tally(values.chaos ? new Doubts() : undefined)
      const upstream = yield* startUpstream(tally)
      const door = yield* FrontDoor.listen({ listen: formatAddress(values.listen) })
      yield* FrontDoor.proxy(door, {
        upstream: `ws://${upstream.address}`,
        upstreamRetryBudget: "1 hour", // with --chaos it is never up for long
        onBack: (receipt) => Effect.sync(() => tally.doubts?.receipt(receipt)),
        drainTimeout: "2 seconds",
      })
      const { finish } = yield* Counter.make({
        url: `ws://${FrontDoor.dialable(door.address)}`,
        perSecond: values.rate,
        tally,
      })
      const telemetry = yield* Telemetry
      const sessions = () => Array.from(telemetry.probes()).filter(isSession).length
      const live = LiveLine.start(() => `${describe(tally)}  sessions ${sessions()}`)
      const end = values.for === undefined ? Effect.never : Effect.sleep(values.for)
      return {
        listeners: Host.listeners(admin, ["echo", `ws://${upstream.address}`], ["proxy", `ws://${door.address}`]),
        until: Effect.scoped(Effect.andThen(live, end)),
        finish: Effect.gen(function* () {
          yield* upstream.stop
          yield* finish
          err(`${describe(tally)}\n`)
          if (!isClean(tally.counts)) return yield* new NotFine()
        }),
      }
    }),
  })
})

/** An echo server; with doubts to raise, one that is killed again and again. */
const startUpstream = Effect.fnUntraced(function* (tally: Tally) {
  const { doubts } = tally
  const start = Effect.fnUntraced(function* (listen: string) {
    const door = yield* FrontDoor.listen({ listen })
    const { cut } = yield* Echo.serve(door, ({ headers }, frame) =>
      doubts?.reached(headers["x-connection-id"], Counter.numberIn(frame)),
    )
    return { address: door.address, cut } satisfies Chaos.Victim
  })
  if (doubts !== undefined) return yield* Chaos.make({ start, onKilled: () => doubts.killed(tally.newest) })
  const { address } = yield* start("127.0.0.1:0")
  return { address, stop: Effect.void } satisfies Chaos.Chaos
})

const isSession = (probe: Probe): boolean => probe.row()._tag === "Session"
