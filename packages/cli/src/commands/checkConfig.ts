/**
 * `holdfast check-config`: whether a program would start with a config file, and what it would promise. It looks at the environment
 * too, like the program, but touches no port and no other file.
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import { explainProxy, explainStatus, explainUp } from "../internal/explain.ts"
import { explainChaos } from "../internal/explainChaos.ts"
import * as Process from "../internal/process.ts"
import { resolve } from "../internal/resolve.ts"
import * as Chaos from "./chaos.ts"
import * as Proxy from "./proxy.ts"
import * as Up from "./up.ts"

/** The command. */
export const checkConfig = Command.make(
  "check-config",
  {
    program: Argument.Literals("program", ["proxy", "up", "chaos", "status"]).pipe(
      Argument.withDescription("The program that the file is for"),
    ),
    config: Flag.String("config").pipe(Flag.withMetavar("FILE"), Flag.withDescription("The file (required)")),
  },
  Effect.fnUntraced(function* ({ config, program }) {
    const { out } = yield* Process.Process
    switch (program) {
      case "proxy":
        return out(explainProxy(yield* Proxy.settingsOf({ config })))
      case "up":
        return out(explainUp(yield* Up.settingsOf({ config })))
      case "chaos":
        return out(explainChaos(yield* Chaos.settingsOf({ config })))
      case "status":
        return out(explainStatus(yield* resolve("status", { config })))
    }
  }),
).pipe(
  Command.withDescription(
    "Check a config file without starting anything: exit code 0 and what it promises, or 2 and what is wrong.",
  ),
  Command.withShortDescription("Check a config file without starting anything"),
  Command.withExamples([
    { command: "holdfast check-config proxy --config holdfast.yaml", description: "Before a deployment" },
  ]),
)
