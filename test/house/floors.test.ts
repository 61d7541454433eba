import { assert, describe, it } from "vitest"
import { floorViolations } from "./rules/floors.ts"
import { planted, repository } from "./support/tree.ts"

const only = (path: string, text: string) => floorViolations(planted({ [path]: text }))

describe("floors", () => {
  it("every package imports only from floors below it", () => assert.deepStrictEqual(floorViolations(repository), []))

  it("a package may import from any floor below", () =>
    assert.deepStrictEqual(only("packages/gateway/src/Ring.ts", `import * as Link from "@holdfast/core/Link"`), []))

  it("a neighbour on the same floor is out of reach, for types too", () =>
    assert.deepStrictEqual(
      only("packages/grpc/src/Pool.ts", `\nimport type { Row } from "@holdfast/dashboard/Dashboard"`),
      ["packages/grpc/src/Pool.ts:2: grpc (floor 1) must not import @holdfast/dashboard/Dashboard"],
    ))

  it("a floor above is out of reach, in `import()` and in `export from` as well", () =>
    assert.deepStrictEqual(
      only(
        "packages/websocket/src/Proxy.ts",
        `export const run = () => import("holdfast/Cli")\nexport * from "@holdfast/chain"`,
      ),
      [
        "packages/websocket/src/Proxy.ts:1: websocket (floor 1) must not import holdfast/Cli",
        "packages/websocket/src/Proxy.ts:2: websocket (floor 1) must not import @holdfast/chain",
      ],
    ))

  it("core imports effect and nothing else", () =>
    assert.deepStrictEqual(
      only(
        "packages/core/src/Link.ts",
        `import * as Fs from "node:fs"\nimport ws from "ws"\nimport * as Effect from "effect/Effect"`,
      ),
      [
        "packages/core/src/Link.ts:1: core (floor 0) must not import node:fs",
        "packages/core/src/Link.ts:2: core (floor 0) must not import ws",
      ],
    ))

  it("testing imports nothing of ours, and only the command line ships it", () =>
    assert.deepStrictEqual(
      floorViolations(
        planted({
          "packages/testing/src/Sim.ts": `import * as Bytes from "@holdfast/core/Bytes"`,
          "packages/websocket/src/Proxy.ts": `import * as Fault from "@holdfast/testing/Fault"`,
          "packages/cli/src/commands/chaos.ts": `import * as Fault from "@holdfast/testing/Fault"`,
        }),
      ),
      [
        "packages/testing/src/Sim.ts:1: testing (floor 0) must not import @holdfast/core/Bytes",
        "packages/websocket/src/Proxy.ts:1: websocket (floor 1) must not import @holdfast/testing/Fault",
      ],
    ))

  it("a package names its own modules by relative paths", () =>
    assert.deepStrictEqual(only("packages/core/src/Link.ts", `import * as Bytes from "@holdfast/core/Bytes"`), [
      "packages/core/src/Link.ts:1: imports @holdfast/core/Bytes from its own package; use a relative path",
    ]))

  it("a manifest keeps to the floors too, except for tests", () =>
    assert.deepStrictEqual(
      floorViolations(
        planted({
          "packages/chain/package.json": `{"dependencies": {"@holdfast/gateway": "workspace:^", "@holdfast/core": "workspace:^"}}`,
          "packages/core/package.json": `{"devDependencies": {"@holdfast/testing": "workspace:^"}}`,
          "packages/grpc/package.json": `{"dependencies": {"@holdfast/testing": "workspace:^"}}`,
        }),
      ),
      [
        "packages/chain/package.json: chain (floor 2) must not depend on @holdfast/gateway",
        "packages/grpc/package.json: grpc (floor 1) must not depend on @holdfast/testing",
      ],
    ))

  it("a new package needs a floor", () =>
    assert.deepStrictEqual(only("packages/cellar/package.json", "{}"), [
      "packages/cellar/package.json: has no floor; add it to test/house/rules/floors.ts",
    ]))
})
