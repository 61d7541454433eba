/**
 * Prints the hashes of the sample programs, for a test that compares them with another process.
 */
import { Sim } from "@holdfast/testing"
import { programs } from "./programs.ts"

const hashes = Object.entries(programs).map(([name, program]) => [name, Sim.run(program, { seed: 42 }).hash])
console.log(JSON.stringify(Object.fromEntries(hashes)))
