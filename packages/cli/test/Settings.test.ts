import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Option } from "effect"
import type { Table } from "../src/internal/setting.ts"
import { tables } from "../src/internal/tables.ts"
import { programs } from "../src/Settings.ts"

describe("the settings of every program", () => {
  it("can be used as they stand: each default is a value that its own flag takes", () => {
    const all: Readonly<Record<string, Table>> = tables
    for (const [program, table] of Object.entries(all)) {
      for (const [flag, setting] of Object.entries(table)) {
        const works = setting.default === "-" || Option.isSome(setting.decode(setting.default))
        assert.isTrue(works, `${program} --${flag} ${setting.default}`)
      }
    }
  })

  it("are said in one line each", () => {
    for (const { description, flag } of Object.values(programs).flat()) {
      assert.match(description, /^[^\n]{10,110}[^.\n]$/, flag)
    }
  })

  it("are what the README prints", () => {
    const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8")
    const rows = readme.split("\n").filter((line) => line.startsWith("| `--"))
    const cells = (cell = "") => cell.split(", ").map((text) => text.replaceAll("`", "").trim())
    const printed = rows.flatMap((row) => {
      const [, flags, standards] = row.split("|")
      return cells(flags).map((flag, at) => `${flag.replace(/ .*/, "")} ${cells(standards)[at]}`)
    })
    for (const { default: standard, flag } of Object.values(programs).flat())
      assert.include(printed, `${flag} ${standard}`)
  })
})
