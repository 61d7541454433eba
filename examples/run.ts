/**
 * Runs one example by the name of its folder; without a name it lists them.
 */
import { existsSync, readdirSync } from "node:fs"

const folder = new URL(".", import.meta.url)
const [name, ...rest] = process.argv.slice(2)
const main = new URL(`${name}/main.ts`, folder)

if (name !== undefined && rest.length === 0 && /^\d\d-[a-z0-9-]+$/.test(name) && existsSync(main)) {
  await import(main.href)
} else {
  const names = readdirSync(folder).filter((entry) => /^\d\d-/.test(entry))
  console.error(`usage: npm run -s example -- NAME\n\n${names.map((entry) => `  ${entry}`).join("\n")}`)
  process.exitCode = 2
}
