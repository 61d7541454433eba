/**
 * The drop-in class as a page gets it: one minified file, with what it needs of Effect.
 */
import { fileURLToPath } from "node:url"
import { gzipSync } from "node:zlib"
import { build } from "esbuild"

const entry = fileURLToPath(new URL("../../../packages/websocket/src/WebSocket.ts", import.meta.url))

/** Bundles it for browsers, from source. */
export const bundle = async () => {
  const { metafile, outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    platform: "browser",
    conditions: ["source"],
    metafile: true,
    write: false,
    logLevel: "silent",
  })
  const code = outputFiles[0]!.contents
  const inputs = Object.entries(metafile.outputs).flatMap(([, output]) => Object.entries(output.inputs))
  return {
    code: new TextDecoder().decode(code),
    /** Bytes. */
    minified: code.byteLength,
    gzipped: gzipSync(code, { level: 9 }).byteLength,
    /** Bytes of the minified file by module, the heaviest first; those that gave nothing are not in it. */
    modules: inputs
      .map(([path, { bytesInOutput }]) => [path.replace(/^.*(node_modules|packages)\//, ""), bytesInOutput] as const)
      .filter(([, bytes]) => bytes > 0)
      .toSorted(([, one], [, other]) => other - one),
  }
}
