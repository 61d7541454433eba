import { assert, describe, it } from "vitest"
import { manifestViolations, projectViolations } from "./rules/manifests.ts"
import { effectFile, isStable, wrongRanges } from "./rules/stability.ts"
import { planted, readReal, repository } from "./support/tree.ts"

const good = {
  name: "@holdfast/core",
  version: "0.1.0",
  description: "Keep one connection alive, for as long as it takes",
  license: "MIT",
  sideEffects: [],
  engines: { node: ">=22.19" },
  exports: {
    "./package.json": "./package.json",
    ".": { source: "./src/index.ts", types: "./dist/index.d.ts", default: "./dist/index.js" },
    "./internal/*": null,
    "./*": { source: "./src/*.ts", types: "./dist/*.d.ts", default: "./dist/*.js" },
  },
  peerDependencies: { effect: "^4.1.0" },
  devDependencies: { effect: "catalog:" },
}

const core = (changes: object, readme = "# @holdfast/core") =>
  manifestViolations(
    planted({
      "packages/core/package.json": JSON.stringify({ ...good, ...changes }),
      "packages/core/README.md": readme,
    }),
  )

describe("manifests", () => {
  it("every package says what it is, runs on and needs", () =>
    assert.deepStrictEqual(manifestViolations(repository), []))

  it("a complete manifest passes", () => assert.deepStrictEqual(core({}), []))

  it("what is missing or wrong is named", () =>
    assert.deepStrictEqual(
      core({
        name: "core",
        description: "",
        license: "ISC",
        sideEffects: true,
        engines: { node: ">=22.9" },
        peerDependencies: {},
        dependencies: { effect: "4.1.0" },
      }),
      [
        "is named core, not @holdfast/core",
        "has no MIT license",
        "has no description",
        "must promise `sideEffects: []`",
        "must ask for node >=22.19 or newer",
        "must have effect as a peer",
        "must not bring an effect of its own",
      ].map((problem) => `packages/core/package.json: ${problem}`),
    ))

  it("dependencies come from the catalog or the workspace, so that versions are in one place", () =>
    assert.deepStrictEqual(core({ dependencies: { "@holdfast/x": "workspace:^", yaml: "^2.0.0" } }), [
      "packages/core/package.json: asks for yaml ^2.0.0; use catalog: or workspace:",
    ]))

  it("exports offer the source first and hide what is private", () =>
    assert.deepStrictEqual(
      core({ exports: { ".": { types: "./dist/index.d.ts", source: "./src/index.ts" }, "./*": good.exports["./*"] } }),
      [
        "packages/core/package.json: export . must be source (src), types (dist), default (dist)",
        "packages/core/package.json: must export ./package.json",
        "packages/core/package.json: must hide ./internal/*",
      ],
    ))

  it("a package has a short README that names it", () => {
    assert.deepStrictEqual(core({}, "x\n".repeat(121)), [
      "packages/core/README.md: 121 lines, at most 120",
      "packages/core/README.md: does not name @holdfast/core",
    ])
    assert.deepStrictEqual(manifestViolations(planted({ "packages/core/package.json": JSON.stringify(good) })), [
      "packages/core/README.md: does not exist",
    ])
  })

  it("all packages share one version", () =>
    assert.deepStrictEqual(
      manifestViolations(
        planted({
          "packages/core/package.json": JSON.stringify(good),
          "packages/core/README.md": "@holdfast/core",
          "packages/grpc/package.json": JSON.stringify({ ...good, name: "@holdfast/grpc", version: "0.2.0" }),
          "packages/grpc/README.md": "@holdfast/grpc",
        }),
      ),
      ["packages: share one version, found 0.1.0, 0.2.0"],
    ))
})

describe("projects", () => {
  it("the type check sees every package and its dependencies", () =>
    assert.deepStrictEqual(projectViolations(repository), []))

  it("a package that nobody references is named", () =>
    assert.deepStrictEqual(
      projectViolations(
        planted({
          "tsconfig.build.json": `{"references": [{"path": "packages/core"}]}`,
          "tsconfig.test.json": `{"references": [{"path": "packages/core"}, {"path": "packages/grpc"}]}`,
          "packages/core/package.json": "{}",
          "packages/core/tsconfig.json": "{}",
          "packages/grpc/package.json": `{"dependencies": {"@holdfast/core": "workspace:^"}}`,
          "packages/grpc/tsconfig.json": "{}",
        }),
      ),
      [
        "tsconfig.build.json: must reference packages/core, packages/grpc; references packages/core",
        "packages/grpc/tsconfig.json: must reference ../core; references nothing",
      ],
    ))
})

describe("the range of effect", () => {
  const stable = (specifier: string) => isStable(readReal(`node_modules/effect/src/${effectFile(specifier)}`))

  const range = (asked: string, text: string) =>
    wrongRanges(
      planted({
        "packages/core/package.json": `{"peerDependencies": {"effect": "${asked}"}}`,
        "packages/core/src/Link.ts": text,
        "packages/dashboard/package.json": `{"peerDependencies": {"effect": "~4.1.0"}}`,
        "packages/dashboard/src/index.ts": `import * as Api from "effect/http/HttpRouter"`,
        "packages/chain/src/index.ts": "",
      }),
      stable,
    )

  it("every package asks for the range its imports allow", () =>
    assert.deepStrictEqual(wrongRanges(repository, stable), []))

  it("Effect's own tags say what is stable", () =>
    assert.deepStrictEqual(
      [
        "effect",
        "effect/Schedule",
        "effect/Schema",
        "effect/FileSystem",
        "effect/http/HttpRouter",
        "effect/socket",
      ].map(stable),
      [true, true, true, false, false, false],
    ))

  it("stable imports allow the wide range", () => {
    assert.deepStrictEqual(range("^4.1.0", `import * as Schedule from "effect/Schedule"`), [])
    assert.deepStrictEqual(range("~4.1.0", `import * as Schedule from "effect/Schedule"`), [
      "packages/core/package.json: must ask for effect ^4.1.0, not ~4.1.0: every module it imports is stable",
    ])
  })

  it("one unstable import asks for the narrow range, also behind another package of ours", () => {
    assert.deepStrictEqual(range("^4.1.0", `import type * as Socket from "effect/socket/Socket"`), [
      "packages/core/package.json: must ask for effect ~4.1.0, not ^4.1.0: it imports effect/socket/Socket",
    ])
    assert.deepStrictEqual(range("^4.1.0", `import "@holdfast/dashboard"`), [
      "packages/core/package.json: must ask for effect ~4.1.0, not ^4.1.0: it imports effect/http/HttpRouter",
    ])
  })
})
