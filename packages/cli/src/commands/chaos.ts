/**
 * `holdfast chaos`: a TCP proxy that makes things go wrong, by plan, by key, or because a client of Toxiproxy says so. Not for traffic that
 * matters.
 */
import { Fault } from "@holdfast/testing"
import * as FaultProxy from "@holdfast/testing/FaultProxy"
import * as Command from "effect/cli/Command"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as AdminServer from "../internal/adminServer.ts"
import { problemOfChaos } from "../internal/combinations.ts"
import { explainChaos } from "../internal/explainChaos.ts"
import { RunError } from "../internal/failure.ts"
import * as FaultKeys from "../internal/faultKeys.ts"
import * as FaultRecord from "../internal/faultRecord.ts"
import * as Faults from "../internal/faults.ts"
import { flagsOf, givenIn } from "../internal/flags.ts"
import * as Host from "../internal/host.ts"
import * as Process from "../internal/process.ts"
import { type Given, type Resolved, resolve } from "../internal/resolve.ts"
import * as Tables from "../internal/tables.ts"
import * as TlsFiles from "../internal/tlsFiles.ts"
import * as Toxiproxy from "../internal/toxiproxy.ts"
import * as ToxiproxyRoutes from "../internal/toxiproxyRoutes.ts"
import { formatAddress } from "../internal/values.ts"
import { version } from "../internal/version.ts"

type Settings = Resolved<typeof Tables.chaos>

/** The command. */
export const chaos = Command.make(
  "chaos",
  flagsOf(Tables.chaos),
  Effect.fnUntraced(function* (input) {
    const settings = yield* settingsOf(givenIn(input))
    if (!settings.values.explain) return yield* run(settings)
    const { out } = yield* Process.Process
    out(explainChaos(settings, yield* Faults.planned(settings)))
  }),
).pipe(
  Command.withDescription(
    "Stand between clients and any TCP server, and make the way a bad one: late, slow, cut, silent, refused, by a plan, by keys of the " +
      "terminal, or by the HTTP API of Toxiproxy. What went wrong can be recorded as a plan and played again.",
  ),
  Command.withShortDescription("Make the way to any TCP server a bad one"),
  Command.withExamples([
    {
      command:
        "holdfast chaos --listen 127.0.0.1:6000 --upstream 127.0.0.1:5432 --fault latency:delay=200ms,jitter=50ms",
      description: "A database that is far away",
    },
    {
      command: "holdfast chaos --upstream 127.0.0.1:9000 --fault 'refuse:at=10s,for=5s;reset:at=connect:3,for=0ms'",
      description: "Five seconds without anybody there, and the third connection reset",
    },
    {
      command: "holdfast chaos --upstream 127.0.0.1:9000 --record bad-day.json",
      description: "By keys, and written down",
    },
    { command: "holdfast chaos --upstream 127.0.0.1:9000 --plan bad-day.json", description: "The same again" },
    {
      command: "holdfast chaos --upstream 127.0.0.1:9000 --api 127.0.0.1:8474",
      description: "For a client of Toxiproxy",
    },
  ]),
)

/** The settings in effect; a combination that makes no sense is an error. */
export const settingsOf = Effect.fnUntraced(function* (given: Given) {
  const settings = yield* resolve("chaos", given)
  const problem = problemOfChaos(settings)
  if (problem !== undefined) return yield* problem
  if (settings.values.fault !== undefined) yield* Faults.inShort(settings.values.fault, settings.sources.fault.where)
  return settings
})

const run = Effect.fnUntraced(function* (settings: Settings) {
  const { sources, values } = settings
  const plan = yield* Faults.planned(settings)
  const token = yield* TlsFiles.token(values["admin-token-file"], sources["admin-token-file"].where)
  yield* Host.run({
    log: values,
    hangUp: false,
    admin: { at: values.admin, orElseFree: false, token, tls: undefined },
    drainDelay: Duration.zero,
    start: Effect.fnUntraced(function* ({ admin }) {
      const { api, record: path } = values
      const record = path === undefined ? undefined : yield* FaultRecord.make(path, plan.seed)
      const log = yield* logging
      const anywhere = !AdminServer.isLoopback(values.listen)
      const proxy = yield* FaultProxy.make({
        upstream: formatAddress(values.upstream),
        listen: formatAddress(values.listen),
        seed: plan.seed,
        anywhere,
        onFault: (fault) => {
          const ends = [log(fault), record?.begins(fault)]
          return () => ends.forEach((end) => end?.())
        },
      }).pipe(Effect.mapError(({ message }) => new RunError({ message })))
      const first = { name: "chaos", proxy, upstream: formatAddress(values.upstream) }
      const url =
        api === undefined
          ? undefined
          : yield* AdminServer.listenPlain(
              api,
              ToxiproxyRoutes.layer(yield* Toxiproxy.make({ first, anywhere }), yield* version),
            )
      const stop = yield* Deferred.make<void>()
      yield* FaultKeys.hear(proxy, Deferred.succeed(stop, undefined))
      if (plan.faults.length > 0) yield* Effect.forkScoped(play(proxy, plan), { startImmediately: true })
      const own: ReadonlyArray<Host.Listener> = [["chaos", `tcp://${proxy.address}`]]
      return {
        listeners: Host.listeners(admin, ...(url === undefined ? [] : [["chaos-api", url] as const]), ...own),
        until: Deferred.await(stop),
      }
    }),
  })
})

/** Says in the log what begins and what is over. */
const logging = Effect.map(Effect.context<never>(), (context) => (fault: Fault.Fault) => {
  const say = (what: string) => void Effect.runForkWith(context)(Effect.logInfo(`${Fault.format(fault)} ${what}`))
  say("begins")
  return () => say("is over")
})

const play = (proxy: FaultProxy.FaultProxy, plan: Parameters<FaultProxy.FaultProxy["play"]>[0]) =>
  Effect.andThen(Effect.orDie(proxy.play(plan)), Effect.logInfo("the plan is over, everything is well"))
