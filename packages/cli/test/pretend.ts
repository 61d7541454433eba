/**
 * A process of the test's own: its environment, what was written, and nothing of the real one.
 */
import { Effect, FileSystem, Layer, PlatformError } from "effect"
import * as Process from "../src/internal/process.ts"

/** What happened to it. */
export interface Pretended {
  readonly layer: Layer.Layer<FileSystem.FileSystem>
  readonly written: { out: string; err: string; readonly live: Array<string> }
}

/** A process with these variables, files by path, and a terminal or none. */
export const pretend = (
  options: {
    readonly env?: Readonly<Record<string, string>>
    readonly files?: Readonly<Record<string, string>>
    readonly terminal?: boolean
    readonly colors?: boolean
  } = {},
): Pretended => {
  const { colors = false, env = {}, files = {}, terminal = false } = options
  const written = { out: "", err: "", live: new Array<string>() }
  const process = {
    env,
    runtime: "0.0.0",
    terminal,
    colors,
    out: (text: string) => void (written.out += text),
    err: (text: string) => void (written.err += text),
    live: (line: string) => void written.live.push(line),
    keys: () => Effect.succeed(false),
    signals: () => Effect.succeed({ stop: Effect.never, hangUp: Effect.never }),
  } satisfies Process.Shape
  const readFileString = (path: string) =>
    files[path] === undefined
      ? Effect.fail(
          PlatformError.systemError({
            _tag: "NotFound",
            module: "FileSystem",
            method: "readFileString",
            pathOrDescriptor: path,
          }),
        )
      : Effect.succeed(files[path])
  return {
    layer: Layer.merge(Layer.succeed(Process.Process, process), FileSystem.layerNoop({ readFileString })),
    written,
  }
}
