import { assert, describe, it } from "vitest"
import { loosePromises, pnpmVersions, registryHosts, silentSkips, swallowedFailures } from "./rules/text.ts"
import { planted, repository } from "./support/tree.ts"

const host = ["registry", "npmjs", "org"].join(".")

describe("text", () => {
  it("no file names a package registry", () => assert.deepStrictEqual(registryHosts(repository), []))

  it("a registry is named wherever it is written, and the lockfile holds no address at all", () =>
    assert.deepStrictEqual(
      registryHosts(
        planted({ ".npmrc": `registry=https://${host}/`, "pnpm-lock.yaml": "a: 1\ntarball: https://a.example/b.tgz" }),
      ),
      [`.npmrc:1: names the registry ${host}`, "pnpm-lock.yaml:2: names the registry https://a.example/b.tgz"],
    ))

  it("a note for later names an issue", () => assert.deepStrictEqual(loosePromises(repository), []))

  it("a note without an issue is named, in comments only", () =>
    assert.deepStrictEqual(
      loosePromises(
        planted({
          ".ci/run": "# FIXME: soon",
          "packages/core/src/Link.ts": `/**\n * TODO: all of it\n */\nexport const a = "TODO" // TODO(#12): known`,
          "packages/grpc/src/gen/a.ts": "// TODO",
        }),
      ),
      [
        ".ci/run:1: FIXME without the number of an issue",
        "packages/core/src/Link.ts:2: TODO without the number of an issue",
      ],
    ))

  it("a test that does not run says why", () => assert.deepStrictEqual(silentSkips(repository), []))

  it("a test that is switched off in silence is named", () =>
    assert.deepStrictEqual(
      silentSkips(
        planted({
          "test/stories/a.test.ts": `it.effect.only("a", () => {})
describe.skip("b", () => {})
it.live.skip("c, see #12", () => {})
it("d", (ctx) => ctx.skip())
it("e", (ctx) => ctx.skip("no NATS on PATH"))
it("f", ({ list }) => list.skip())
it.each([1]).only("g", () => {})
it("h", { skip: true }, () => {})`,
        }),
      ),
      [
        "test/stories/a.test.ts:1: it.only leaves tests out",
        "test/stories/a.test.ts:2: describe.skip must name an issue in its title",
        "test/stories/a.test.ts:4: ctx.skip must say why",
        "test/stories/a.test.ts:7: it.only leaves tests out",
        "test/stories/a.test.ts:8: it.skip must name an issue in its title",
      ],
    ))

  it("nothing in the check swallows a failure", () => assert.deepStrictEqual(swallowedFailures(repository), []))

  it("a swallowed failure is named", () =>
    assert.deepStrictEqual(
      swallowedFailures(
        planted({
          ".ci/run": "set -eu\nnpm test || true\nnpm run verify || exit 1\n# a || true in a comment\ninstall || :",
          ".github/workflows/check.yml": "continue-on-error: true",
          "package.json": `{"scripts": {"lint": "oxlint || exit 0"}}`,
        }),
      ),
      [
        ".ci/run:2: swallows a failure with || true",
        ".ci/run:5: swallows a failure with || :",
        ".github/workflows/check.yml:1: swallows a failure with continue-on-error",
        "package.json lint: swallows a failure with || exit 0",
        ".ci/run: must start with set -euo pipefail",
      ],
    ))

  it("one version of pnpm sets everything up", () => assert.deepStrictEqual(pnpmVersions(repository), []))

  it("a second version of pnpm is named", () =>
    assert.deepStrictEqual(
      pnpmVersions(
        planted({
          "CONTRIBUTING.md": "npx --yes pnpm@11.0.0 run",
          "package.json": `{"scripts": {"setup": "npx --yes pnpm@12.21.0 install"}}`,
        }),
      ),
      ["CONTRIBUTING.md:1: names pnpm 11.0.0; the set-up uses 12.21.0"],
    ))
})
