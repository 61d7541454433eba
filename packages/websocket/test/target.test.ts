import { assert, describe, it } from "@effect/vitest"
import * as Target from "../src/internal/target.ts"

const resolve = (base: string, target: string) => Target.resolve(new URL(base), target)

describe("refusal", () => {
  for (const target of [
    "/",
    "/a/b",
    "/a%20b?x={1}|&y=..",
    "/...",
    "/a..b",
    "/..a",
    "/a../b",
    "/%2e",
    "/.",
    "/?u=http://evil/",
    "/a//b",
    "/a%2Fb",
    "/x?a=%2e%2e%2f",
  ]) {
    it(`${target} is fine`, () => assert.strictEqual(Target.refusal(target), undefined))
  }

  const refused = {
    "must be a path": ["", "*", "a", "http://evil/x", "HTTP://evil/x", "ws:evil", "evil:80", "?a=/", "\\\\evil"],
    "must not name a host": ["//", "//evil", "//evil/x", "///evil", "/\\evil", "/a\\..\\b"],
    "must not contain `..`": [
      "/..",
      "/../",
      "/a/..",
      "/a/../b",
      "/%2e%2e/x",
      "/.%2E",
      "/%2E./x?y",
      "/a/%2e%2E",
      "/..%2fx",
      "/a%2F..%2Fb",
      "/a/..%5cb",
      "/%2e%2e%2Fadmin",
      "/a%5C%2e%2e",
    ],
    "that must be escaped": ["/a b", "/a\tb", "/a\0", "/a\x7f", "/a\r\nx", "/ä", "/a#b", "/a?b#c", "/a?b c"],
  }
  for (const [why, targets] of Object.entries(refused)) {
    for (const target of targets) {
      it(`${JSON.stringify(target)} is refused: ${why}`, () => assert.include(Target.refusal(target) ?? "nothing", why))
    }
  }
})

describe("resolve", () => {
  const cases: ReadonlyArray<readonly [base: string, target: string, url: string]> = [
    ["ws://up:81", "/", "ws://up:81/"],
    ["ws://up:81/", "/a", "ws://up:81/a"],
    ["ws://up/base", "/", "ws://up/base"],
    ["ws://up/base/", "/", "ws://up/base/"],
    ["ws://up/base", "/a", "ws://up/base/a"],
    ["ws://up/base/", "/a", "ws://up/base/a"],
    ["ws://up/base", "/a/", "ws://up/base/a/"],
    ["ws://up/base?k=v", "/a", "ws://up/base/a?k=v"],
    ["ws://up/base?k=v", "/a?x=1", "ws://up/base/a?x=1"],
    ["ws://up/base?k=v", "/?x=1", "ws://up/base?x=1"],
    ["ws://up/base?k=v", "/?", "ws://up/base?"],
    ["ws://up/base?k=v", "/a?b?c", "ws://up/base/a?b?c"],
    ["ws://up/base", "/a%20b/{1}|?q=[]^", "ws://up/base/a%20b/{1}|?q=[]^"],
    ["wss://[::1]:9/b", "/a", "wss://[::1]:9/b/a"],
    ["ws://up:80/", "/a", "ws://up/a"],
  ]
  for (const [base, target, url] of cases) {
    it(`${target} behind ${base} is ${url}`, () => assert.strictEqual(resolve(base, target), url))
  }

  it("never leaves the base's host and path, whatever the target that is not refused", () => {
    const pieces = ["/", "a", ".", "..", "%2e", "%2E", "?", ":", "@", "evil", "//", ";", "%2f", "%5c", "=", "&"]
    const base = new URL("ws://up:81/base/deep")
    let seen = 0
    for (let code = 0; code < pieces.length ** 4; code++) {
      let target = "/"
      for (let rest = code, at = 0; at < 4; at++, rest = Math.floor(rest / pieces.length)) {
        target += pieces[rest % pieces.length]!
      }
      if (Target.refusal(target) !== undefined) continue
      seen++
      // What the strictest and the most helpful reader would make of it.
      for (const read of [target, decodeURIComponent(target)]) {
        const url = new URL(Target.resolve(base, read))
        assert.strictEqual(url.host, "up:81", target)
        assert.isTrue(url.pathname === "/base/deep" || url.pathname.startsWith("/base/deep/"), `${target} -> ${url}`)
      }
    }
    assert.isAbove(seen, 10_000)
  })
})

describe("isBelow", () => {
  const cases: ReadonlyArray<readonly [path: string, target: string, below: boolean]> = [
    ["/live", "/live", true],
    ["/live", "/live/", true],
    ["/live", "/live/a", true],
    ["/live", "/live?a", true],
    ["/live", "/lively", false],
    ["/live", "/lively/live", false],
    ["/live", "/", false],
    ["/live", "/a/live", false],
    ["/live", "/LIVE", false],
    ["/live", "/?/live", false],
    ["/live/", "/live", true],
    ["/live/", "/live/a", true],
    ["/live/", "/lively", false],
    ["/", "/", true],
    ["/", "/a", true],
    ["/", "http://evil/", false],
    ["/", "*", false],
  ]
  for (const [path, target, below] of cases) {
    it(`${target} is ${below ? "" : "not "}below ${path}`, () =>
      assert.strictEqual(Target.isBelow(path, target), below))
  }
})

describe("stripPrefix", () => {
  const cases: ReadonlyArray<readonly [path: string, target: string, rest: string]> = [
    ["/", "/", "/"],
    ["/", "/a?b", "/a?b"],
    ["/live", "/live", "/"],
    ["/live", "/live/", "/"],
    ["/live", "/live/a", "/a"],
    ["/live", "/live?a=1", "/?a=1"],
    ["/live", "/live/?a=1", "/?a=1"],
    ["/live/", "/live/a", "/a"],
    ["/live/", "/live", "/"],
    ["/a/b", "/a/b/c", "/c"],
  ]
  for (const [path, target, rest] of cases) {
    it(`${target} below ${path} is ${rest}`, () => assert.strictEqual(Target.stripPrefix(path, target), rest))
  }
})
