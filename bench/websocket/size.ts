/**
 * What `@holdfast/websocket/WebSocket` weighs in a page, and why.
 * Run: `node --conditions=source bench/websocket/size.ts`
 */
import { bundle } from "../../test/interop/kit/bundle.ts"

const { gzipped, minified, modules } = await bundle()
const of = (name: string) => modules.reduce((sum, [path, bytes]) => (path.startsWith(name) ? sum + bytes : sum), 0)

console.log(`gzipped ${gzipped} bytes, minified ${minified}, of which`)
for (const name of ["effect/", "core/", "websocket/"]) console.log(`${of(name)}`.padStart(8), name)
console.log("by module")
for (const [path, bytes] of modules) console.log(`${bytes}`.padStart(8), path)
