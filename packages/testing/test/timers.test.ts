import { assert, describe, it } from "@effect/vitest"
import * as Chance from "../src/internal/chance.ts"
import * as Timers from "../src/internal/timers.ts"

describe("timers", () => {
  it("come out in order of time, and removed ones do not, whatever was done before", () => {
    const chance = Chance.make(7, "random")
    const timers = Timers.make()
    const model: Array<Timers.Timer> = []
    for (let round = 0; round < 20_000; round++) {
      const dice = Chance.below(chance, 10)
      if (dice < 6) model.push(timers.add(Chance.below(chance, 100), () => {}))
      else if (dice < 8 && model.length > 0) {
        const [gone] = model.splice(Chance.below(chance, model.length), 1)
        timers.remove(gone!)
        timers.remove(gone!)
      } else if (model.length > 0) {
        const earliest = Math.min(...model.map(({ at }) => at))
        assert.strictEqual(timers.next(), earliest)
        const popped = timers.pop()!
        assert.strictEqual(popped.at, earliest)
        model.splice(model.indexOf(popped), 1)
      }
    }
    const rest = model.map(({ at }) => at).sort((a, b) => a - b)
    assert.isAbove(rest.length, 100)
    assert.deepStrictEqual(
      rest.map(() => timers.pop()!.at),
      rest,
    )
    assert.strictEqual(timers.next(), Infinity)
    assert.isUndefined(timers.pop())
  })
})
