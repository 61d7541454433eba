/**
 * How soon planted reconnect bugs are found, and how small their plans become. `node --conditions=source bench/testing/mutants.ts`
 * prints a table of five seeds: the median of the times until a bug was found and its plan was small, and the worst of everything else.
 */
import { bugs, classes } from "../../test/mutants/bugs.ts"
import { hunt } from "../../test/mutants/suite.ts"
import { median } from "../kit/rounds.ts"

const seeds = [1, 2, 3, 4, 5]
const rows = bugs.map((bug) => {
  const hunts = seeds.map((seed) => {
    const before = performance.now()
    const report = hunt(bug, { time: "60 seconds", seed })
    return { report, seconds: (performance.now() - before) / 1000 }
  })
  const found = hunts.flatMap(({ report }) => (report._tag === "Failed" ? [report] : []))
  return {
    bug,
    class: classes[bug],
    found: `${found.length} of ${seeds.length}`,
    runs: Math.max(...found.map(({ runs }) => runs)),
    seconds: median(hunts.map(({ seconds }) => seconds)).toFixed(2),
    "worst seconds": Math.max(...hunts.map(({ seconds }) => seconds)).toFixed(2),
    "faults of the plan": Math.max(...found.map(({ plan }) => plan.faults.length)),
  }
})

console.table(rows)
console.log(`${rows.filter(({ found }) => found === "5 of 5").length} of ${rows.length} found with every seed`)
