/**
 * Tools of the machine that a test uses where they are.
 */
import { spawnSync } from "node:child_process"

/** Runs it to its end. */
export const call = (name: string, args: ReadonlyArray<string>, env = process.env) =>
  spawnSync(name, args, { encoding: "utf8", env, timeout: 15_000 })

/** Whether it runs; says so when it does not, and fails instead where everything is required. */
export const tool = (name: string, ...args: ReadonlyArray<string>): boolean => {
  if (call(name, args).status === 0) return true
  if (process.env["HOLDFAST_REQUIRE_SERVICES"] === "1") throw new Error(`${name} is required here and not on PATH`)
  console.log(`skipped: ${name} is not on PATH`)
  return false
}
