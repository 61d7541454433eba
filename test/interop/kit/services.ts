/**
 * Real components that a test starts itself, where the machine has them.
 */

/** Whether it can be used; says so when it cannot, and fails instead where services are required. */
export const service = (name: string, find: () => boolean): boolean => {
  if (find()) return true
  if (process.env["HOLDFAST_REQUIRE_SERVICES"] === "1") throw new Error(`${name} is required here and not on PATH`)
  console.log(`skipped: ${name} is not on PATH`)
  return false
}
