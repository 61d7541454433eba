/**
 * Which version this is, as its manifest says.
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"
import * as Schema from "effect/Schema"

const Manifest = Schema.fromJsonString(Schema.Struct({ version: Schema.String }))

/** The version of the package. It ships with its manifest, so a missing one is a bug. */
export const version: Effect.Effect<string, never, FileSystem.FileSystem | Path.Path> = Effect.gen(function* () {
  const files = yield* FileSystem.FileSystem
  const paths = yield* Path.Path
  const path = yield* paths.fromFileUrl(new URL("../../package.json", import.meta.url))
  const manifest = yield* Schema.decodeUnknownEffect(Manifest)(yield* files.readFileString(path))
  return manifest.version
}).pipe(Effect.orDie)
