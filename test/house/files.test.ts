import { assert, describe, it } from "vitest"
import { badNames, codeLines, defaultExports, longFiles, sideEffects, unparsed } from "./rules/files.ts"
import { planted, repository } from "./support/tree.ts"

const many = (count: number) => Array.from({ length: count }, (_, at) => `export const a${at} = ${at}`).join("\n")

describe("size", () => {
  it("no file has more code than one sitting can read", () => assert.deepStrictEqual(longFiles(repository), []))

  it("every file can be parsed", () => assert.deepStrictEqual(unparsed(repository), []))

  it("the line after the limit is one too many, wherever the file is", () =>
    assert.deepStrictEqual(
      longFiles(
        planted({
          "examples/01-echo/program.ts": many(401),
          "packages/core/src/Link.ts": many(400),
          "test/stories/a.test.ts": many(402),
        }),
      ),
      [
        "examples/01-echo/program.ts: 401 lines of code, at most 400",
        "test/stories/a.test.ts: 402 lines of code, at most 400",
      ],
    ))

  it("comments and blank lines are free, comment marks in strings are not comments", () =>
    assert.strictEqual(
      codeLines(planted({ "a.ts": `/** one\n two */\n\n// three\nconst a = "/*" // four\nconst b = "*/"\n` }), "a.ts"),
      2,
    ))

  it("generated files may be as long as they like", () =>
    assert.deepStrictEqual(
      longFiles(
        planted({ "packages/grpc/src/gen/a.ts": many(500), "packages/grpc/src/internal/nsm_pb.ts": many(500) }),
      ),
      [],
    ))

  it("what the parser does not understand is said, because no rule could judge it", () =>
    assert.strictEqual(unparsed(planted({ "packages/core/src/Link.ts": "const = 1" })).length, 1))
})

describe("names", () => {
  it("every file is in its room under its own name", () => assert.deepStrictEqual(badNames(repository), []))

  it("good names pass", () =>
    assert.deepStrictEqual(
      badNames(
        planted({
          "docs/decisions/0001-own-breaker.md": "",
          "docs/guides/proxy.md": "",
          "packages/cli/src/bin.ts": "",
          "packages/cli/src/commands/proxy.ts": "",
          "packages/cli/src/internal/settings/proxy.ts": "",
          "packages/core/src/Link.ts": "",
          "packages/core/src/index.ts": "",
          "packages/core/test/Link.property.test.ts": "",
          "packages/core/test/hub.test.ts": "",
          "packages/core/test/support/clock.ts": "",
          "packages/core/vitest.config.ts": "",
          "packages/grpc/src/internal/gen/nsm_pb.ts": "",
          "test/stories/loss-receipt.test.ts": "",
        }),
      ),
      [],
    ))

  it("bad names are named", () =>
    assert.deepStrictEqual(
      badNames(
        planted({
          "docs/decisions/own-breaker.md": "",
          "docs/guides/TheProxy.md": "",
          "examples/01-echo/constants.ts": "",
          "packages/core/src/commands/run.ts": "",
          "packages/core/src/internal/Hub.ts": "",
          "packages/core/src/internal/utils.ts": "",
          "packages/core/src/link.ts": "",
          "packages/core/test/Link-map.test.ts": "",
          "packages/core/test/link.spec.ts": "",
          "test/common/net.ts": "",
        }),
      ),
      [
        "docs/decisions/own-breaker.md: a decision is 0007-short-name.md",
        "docs/guides/TheProxy.md: a document is kebab-case.md",
        "examples/01-echo/constants.ts: says nothing about what is inside",
        "packages/core/src/commands/run.ts: private code lives in src/internal",
        "packages/core/src/internal/Hub.ts: a private module is camelCase.ts",
        "packages/core/src/internal/utils.ts: says nothing about what is inside",
        "packages/core/src/link.ts: a public module is PascalCase.ts",
        "packages/core/test/Link-map.test.ts: a test is X.test.ts or X.property.test.ts",
        "packages/core/test/link.spec.ts: a test is X.test.ts or X.property.test.ts",
        "test/common/net.ts: says nothing about what is inside",
      ],
    ))
})

describe("shape", () => {
  it("nothing that people import or copy has a default export", () =>
    assert.deepStrictEqual(defaultExports(repository), []))

  it("a default export is named, except in tests and configuration", () =>
    assert.deepStrictEqual(
      defaultExports(
        planted({
          "examples/01-echo/program.ts": "export default 1",
          "packages/core/src/Link.ts": "\nexport default class Link {}",
          "packages/core/vitest.config.ts": "export default {}",
        }),
      ),
      ["examples/01-echo/program.ts:1: has a default export", "packages/core/src/Link.ts:2: has a default export"],
    ))

  it("importing a module of a package does nothing", () => assert.deepStrictEqual(sideEffects(repository), []))

  it("a statement that runs on import is named, except in bin.ts", () =>
    assert.deepStrictEqual(
      sideEffects(
        planted({
          "packages/cli/src/bin.ts": "run()",
          "packages/core/src/Link.ts": "export const a = 1\nif (a) start()\nexport interface B {}\nstart()",
        }),
      ),
      [
        "packages/core/src/Link.ts:2: does something when it is imported",
        "packages/core/src/Link.ts:4: does something when it is imported",
      ],
    ))
})
