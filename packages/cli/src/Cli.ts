/**
 * The command line: the tree of commands, and what their ends mean for the exit code. Nothing is dumped on people who mistyped:
 * every error is one line on stderr.
 *
 * @since 0.1.0
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as CliConfig from "effect/cli/CliConfig"
import type * as CliError from "effect/cli/CliError"
import * as CliOutput from "effect/cli/CliOutput"
import * as Command from "effect/cli/Command"
import * as GlobalFlag from "effect/cli/GlobalFlag"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { chaos } from "./commands/chaos.ts"
import { checkConfig } from "./commands/checkConfig.ts"
import { proxy } from "./commands/proxy.ts"
import { status } from "./commands/status.ts"
import { up } from "./commands/up.ts"
import { type Failure, oneLine } from "./internal/failure.ts"
import { describe } from "./internal/mistake.ts"
import * as Process from "./internal/process.ts"
import { version } from "./internal/version.ts"

/** What people type after `holdfast`. */
const holdfast = Command.make("holdfast").pipe(
  Command.withDescription("Holdfast keeps connections alive and tells the truth about what may have been lost."),
  Command.withSubcommands([proxy, up, chaos, status, checkConfig]),
  Command.withExamples([
    { command: "holdfast up", description: "See it work: an upstream, the proxy and a client that counts" },
    {
      command: "holdfast proxy --upstream ws://127.0.0.1:9000",
      description: "Join clients of port 8080 to an upstream",
    },
    {
      command: "holdfast chaos --upstream 127.0.0.1:5432 --fault latency:delay=200ms",
      description: "Make the way to any TCP server a bad one",
    },
    { command: "holdfast status", description: "Ask the proxy on this machine how it is" },
    { command: "holdfast check-config proxy --config holdfast.yaml", description: "Check a config file" },
  ]),
)

/**
 * Runs a command line to its end, and answers with the exit code: 0, 1 when it did not work, 2 when a flag, a variable or a config
 * file is wrong.
 *
 * @category running
 * @since 0.1.0
 */
export const run = (args: ReadonlyArray<string>): Effect.Effect<number> =>
  Effect.gen(function* () {
    yield* Command.runWith(holdfast, { version: yield* version })(args)
    return 0
  }).pipe(
    Effect.catch((failure) => Effect.map(Process.Process, ({ err }) => report(failure, args, err))),
    Effect.provide(
      Layer.mergeAll(
        NodeServices.layer,
        CliOutput.layerPresenter({ present }),
        CliConfig.layer({ builtIns: [GlobalFlag.Help, GlobalFlag.Version, GlobalFlag.Completions] }),
      ),
    ),
  )

const report = (
  failure: Failure | CliError.CliError,
  args: ReadonlyArray<string>,
  err: (text: string) => void,
): number => {
  if (failure._tag === "NotFine") return 1
  const message =
    failure._tag === "UsageError" || failure._tag === "RunError" ? failure.message : describe(failure, args)
  err(`holdfast: ${oneLine(message)}\n`)
  return failure._tag === "RunError" ? 1 : 2
}

// Mistakes are reported by `report`, in one line; help is for those who ask for it.
const present = (event: CliOutput.Presenter.Event): Effect.Effect<void> => {
  if (event._tag === "Version") return Effect.map(Process.Process, ({ out }) => out(`${event.name} ${event.version}\n`))
  return event._tag === "Help" && event.reason === "Requested" ? CliOutput.defaultPresenter.present(event) : Effect.void
}
