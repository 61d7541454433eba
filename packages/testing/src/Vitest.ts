/**
 * `it` of `@effect/vitest`, plus `it.sim`: a property test over fault plans. Outside the barrel, because it needs vitest; other runners
 * take `Sim.assert`.
 *
 * @since 0.1.0
 */
import { it as base, type TestContext } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { insist, siteOf } from "./internal/report.ts"
import * as Sim from "./Sim.ts"

/** Registers a test that explores a program. */
export interface Simulated {
  <E>(name: string, options: Sim.Options, program: () => Effect.Effect<unknown, E, Sim.World>): void
}

/**
 * Everything of `@effect/vitest`, and `it.sim`, which fails with the smallest plan and the line that replays it.
 *
 * **Details**
 *
 * What fails is written to `.holdfast/failures`, unless the option `failures` or `HOLDFAST_FAILURES` names another folder. There is no
 * timeout, because no timer interrupts a run: `runs` or `time` bound it.
 */
export const it: typeof base & { readonly sim: Simulated & { readonly only: Simulated; readonly skip: Simulated } } =
  // A proxy, so that the `it` of everybody else does not change. TypeScript cannot see that it answers to `sim`, too.
  new Proxy(base, { get: (target, key) => (key === "sim" ? sim : Reflect.get(target, key)) }) as typeof it

const simulated = (test: typeof base.skip): Simulated => {
  const register: Simulated = (name, options, program) => {
    const site = siteOf(register)
    test(name, { timeout: 0 }, ({ task }: TestContext) => {
      const report = Sim.explore({ failures: ".holdfast/failures", ...options }, Effect.suspend(program))
      // Whatever means something to a shell or in a pattern stands for itself.
      insist(report, `npx vitest run ${task.file.name} -t "${task.name.replaceAll(/[^\w ,-]/g, ".")}"`, site)
    })
  }
  return register
}

const sim = Object.assign(simulated(base), { only: simulated(base.only), skip: simulated(base.skip) })
