/**
 * The program's log on stderr: lines for people, with colours where they are wanted, or one JSON object per line.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Formatter from "effect/Formatter"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import type * as LogLevel from "effect/LogLevel"
import * as References from "effect/References"
import { oneLine } from "./failure.ts"
import * as Process from "./process.ts"

/** What to log, and how. */
export interface Options {
  readonly "log-level": keyof typeof levels
  readonly "log-format": "pretty" | "json"
}

/** Replaces Effect's logger. */
export const layer = (options: Options): Layer.Layer<never> =>
  Layer.merge(
    Layer.unwrap(
      Effect.map(Process.Process, (process) =>
        Logger.layer([options["log-format"] === "json" ? json(process) : pretty(process)]),
      ),
    ),
    Layer.succeed(References.MinimumLogLevel, levels[options["log-level"]]),
  )

const levels = {
  trace: "Trace",
  debug: "Debug",
  info: "Info",
  warning: "Warn",
  error: "Error",
  none: "None",
} as const satisfies Record<string, LogLevel.LogLevel>

const json = ({ err }: Process.Shape) =>
  Logger.make<unknown, void>((options) => err(`${Logger.formatJson.log(options)}\n`))

const pretty = ({ colors, err }: Process.Shape) =>
  Logger.make<unknown, void>(({ cause, date, fiber, logLevel, message }) => {
    const paint = (code: number, text: string) => (colors ? `\u001b[${code}m${text}\u001b[0m` : text)
    const parts = Array.isArray(message) ? message : [message]
    const said = parts.map((part) => (typeof part === "string" ? part : Formatter.formatJson(part)))
    const annotations = Object.entries(fiber.getRef(References.CurrentLogAnnotations))
    const words = [
      paint(90, date.toISOString()),
      paint(shade[logLevel] ?? 0, logLevel.toUpperCase().padEnd(5)),
      oneLine(said.join(" ")),
      ...annotations.map(([key, value]) => `${paint(90, `${key}=`)}${plain(value)}`),
    ]
    const why = cause.reasons.length === 0 ? "" : `\n${Cause.pretty(cause)}`
    err(`${words.join(" ")}${why}\n`)
  })

const shade: Partial<Record<LogLevel.LogLevel, number>> = {
  Trace: 90,
  Debug: 34,
  Info: 32,
  Warn: 33,
  Error: 31,
  Fatal: 31,
}

const plain = (value: unknown): string =>
  typeof value === "string" && /^[\x21\x23-\x3c\x3e-\x7e]+$/.test(value) ? value : Formatter.formatJson(value)
