import { assert, describe, it } from "vitest"
import { cycles } from "./rules/cycles.ts"
import { importViolations } from "./rules/imports.ts"
import { planted, repository } from "./support/tree.ts"

const only = (path: string, text: string) => importViolations(planted({ [path]: text }))

describe("imports", () => {
  it("every import names its module the right way", () => assert.deepStrictEqual(importViolations(repository), []))

  it("packages import Effect's modules by path, never a barrel", () =>
    assert.deepStrictEqual(
      only(
        "packages/core/src/Link.ts",
        `import { Effect } from "effect"\nimport { HttpRouter } from "effect/http"\nimport "effect/Ref"`,
      ),
      [
        "packages/core/src/Link.ts:1: imports the barrel effect; name the module",
        "packages/core/src/Link.ts:2: imports the barrel effect/http; name the module",
      ],
    ))

  it("tests may import the barrel of Effect, but nobody that of the Node platform", () =>
    assert.deepStrictEqual(
      only(
        "test/stories/a.test.ts",
        `import { Effect } from "effect"\nimport { NodeRuntime } from "@effect/platform-node"`,
      ),
      ["test/stories/a.test.ts:2: imports the barrel @effect/platform-node; name the module"],
    ))

  it("private code of another package is out of reach", () =>
    assert.deepStrictEqual(only("packages/cli/src/Cli.ts", `import { hub } from "@holdfast/core/internal/hub"`), [
      "packages/cli/src/Cli.ts:1: imports @holdfast/core/internal/hub, which is private",
    ]))

  it("a relative path stays in its package", () =>
    assert.deepStrictEqual(
      importViolations(
        planted({
          "packages/cli/src/Cli.ts": `import { hub } from "../../core/src/Events.ts"`,
          "packages/core/test/hub.test.ts": `import { make } from "../src/internal/hub.ts"`,
          "test/stories/a.test.ts": `import { make } from "../../packages/core/src/internal/hub.ts"`,
        }),
      ),
      [
        "packages/cli/src/Cli.ts:1: imports ../../core/src/Events.ts across packages; use the package name",
        "test/stories/a.test.ts:1: imports ../../packages/core/src/internal/hub.ts across packages; use the package name",
      ],
    ))

  it("a relative path says what kind of file it means, because source runs without a build", () =>
    assert.deepStrictEqual(only("packages/core/src/Link.ts", `import "./Bytes"\nimport "./Ref.js"`), [
      "packages/core/src/Link.ts:1: imports ./Bytes without its file ending",
      "packages/core/src/Link.ts:2: imports ./Ref.js without its file ending",
    ]))
})

describe("circles", () => {
  it("no module of a package imports itself in the end", () => assert.deepStrictEqual(cycles(repository), []))

  it("a circle is shown with every step", () =>
    assert.deepStrictEqual(
      cycles(
        planted({
          "packages/core/src/A.ts": `import { b } from "./internal/b.ts"`,
          "packages/core/src/internal/b.ts": `export * from "../C.ts"`,
          "packages/core/src/C.ts": `import { type A } from "./A.ts"`,
        }),
      ),
      [
        "circle: packages/core/src/A.ts -> packages/core/src/internal/b.ts -> packages/core/src/C.ts -> packages/core/src/A.ts",
      ],
    ))

  it("types and late imports do not close one", () =>
    assert.deepStrictEqual(
      cycles(
        planted({
          "packages/core/src/A.ts": `import { b } from "./B.ts"`,
          "packages/core/src/B.ts": `import type { A } from "./A.ts"\nexport const later = () => import("./A.ts")`,
        }),
      ),
      [],
    ))

  it("an import by condition counts for every file it may mean", () =>
    assert.deepStrictEqual(
      cycles(
        planted({
          "packages/websocket/package.json": `{"imports": {"#dialer": {"browser": "./dist/internal/b.js", "default": "./src/internal/a.ts"}}}`,
          "packages/websocket/src/Dialer.ts": `import { dial } from "#dialer"`,
          "packages/websocket/src/internal/a.ts": "",
          "packages/websocket/src/internal/b.ts": `import { x } from "../Dialer.ts"`,
        }),
      ),
      [
        "circle: packages/websocket/src/Dialer.ts -> packages/websocket/src/internal/b.ts -> packages/websocket/src/Dialer.ts",
      ],
    ))
})
