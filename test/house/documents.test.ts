import { assert, describe, it } from "vitest"
import { codeDefaults } from "./codeDefaults.ts"
import { wrongDefaults } from "./rules/defaults.ts"
import { wrongOptionDefaults } from "./rules/optionDefaults.ts"
import { exampleViolations } from "./rules/examples.ts"
import { deadLinks } from "./rules/links.ts"
import { planted, repository } from "./support/tree.ts"

describe("links", () => {
  it("every relative link leads somewhere", () => assert.deepStrictEqual(deadLinks(repository), []))

  it("a dead link is named, wherever it is written", () =>
    assert.deepStrictEqual(
      deadLinks(
        planted({
          "README.md": '[a](docs/a.md) [b](docs/b.md#part) [c](docs) ![d](d.svg)\n\n[e]: ./e.md\n<a href="f.md">f</a>',
          "docs/a.md": "[up](../README.md) [out](../../elsewhere.md) [root](/README.md)",
        }),
      ),
      [
        "README.md:1: links to docs/b.md#part, which does not exist",
        "README.md:1: links to d.svg, which does not exist",
        "README.md:3: links to ./e.md, which does not exist",
        "README.md:4: links to f.md, which does not exist",
        "docs/a.md:1: links to ../../elsewhere.md, which does not exist",
      ],
    ))

  it("code, anchors and other hosts are not followed", () =>
    assert.deepStrictEqual(
      deadLinks(
        planted({
          "README.md":
            "`[a](b.md)`\n```md\n[a](b.md)\n```\n[c](#d) [e](https://effect.website) [f](mailto:a@b.example)",
        }),
      ),
      [],
    ))
})

describe("examples", () => {
  it("every example is listed, complete and tested", () => assert.deepStrictEqual(exampleViolations(repository), []))

  const complete = {
    "README.md": "| [01-echo](examples/01-echo) |",
    "examples/01-echo/README.md": "npm run -s example -- 01-echo",
    "examples/01-echo/main.ts": "",
    "examples/01-echo/program.ts": "",
    "examples/run.ts": "",
    "test/interop/examples.test.ts": `"01-echo"`,
  }

  it("a complete example passes", () => assert.deepStrictEqual(exampleViolations(planted(complete)), []))

  it("everything an example lacks is named", () =>
    assert.deepStrictEqual(
      exampleViolations(
        planted({
          "README.md": "npm run -s example -- 09-gone",
          "examples/01-echo/README.md": "npm run -s example -- NN-name",
          "examples/link/program.ts": "",
        }),
      ),
      [
        "examples/01-echo: has no main.ts",
        "examples/01-echo: has no program.ts",
        "examples/01-echo: does not print its own command in README.md",
        "examples/01-echo: is not listed in the root README.md",
        "examples/01-echo: has no test in test/examples or test/interop",
        "examples/link: is not called NN-name",
        "examples/link: has no README.md",
        "examples/link: has no main.ts",
        "examples/link: is not listed in the root README.md",
        "examples/link: has no test in test/examples or test/interop",
        "README.md: names the example 09-gone, which does not exist",
      ],
    ))
})

describe("defaults of options", () => {
  const files = {
    "packages/core/src/Link.ts": `const drain = options.drain ?? "10 seconds"\nconst { hurry = 250, eager = false } = options\n`,
    "packages/core/src/internal/x.ts": `const runs = options.runs ?? (limit === undefined ? 200 : Infinity)\n`,
  }
  const row = (option: string, printed: string) =>
    `| option of \`Link.make\` | default |\n| --- | --- |\n| ${option} | ${printed} |\n`
  const wrong = (text: string) => wrongOptionDefaults(planted({ ...files, "docs/guides/links.md": text }))

  it("every one that a document prints is one the source falls back to", () =>
    assert.deepStrictEqual(wrongOptionDefaults(repository), []))

  it("the same value in another way of writing passes, and so does a remark", () => {
    for (const [option, printed] of [
      ["`drain`", "10 seconds"],
      ["`hurry`", "`250`"],
      ["`eager`", "`false`"],
      ["`runs` of `explore`", "200; no limit when there is a `time`"],
      ["`giveUpAfter`", "never"],
    ] as const) {
      assert.deepStrictEqual(wrong(row(option, printed)), [])
    }
  })

  it("another value is named, with what the source uses", () =>
    assert.deepStrictEqual(wrong(row("`drain`", "20 seconds")), [
      "docs/guides/links.md:3: prints drain 20 seconds; the source of core uses 10seconds",
    ]))

  it("a value for an option without one is named", () =>
    assert.deepStrictEqual(wrong(row("`giveUpAfter`", "1 hour")), [
      "docs/guides/links.md:3: prints giveUpAfter 1 hour; the source of core uses none",
    ]))
})

describe("defaults", () => {
  const code = {
    proxy: { "--linger": "60s", "--buffer-messages": "1024", "--buffer-bytes": "1MiB", "--upstream": undefined },
    echo: { "--linger": "5s" },
  }
  const table = `# The proxy
| flag | default | meaning |
| --- | --- | --- |
| \`--upstream URL\` | - | where to |
| \`--linger\` | 60s | how long |
| \`--buffer-messages\`, \`--buffer-bytes\` | \`1024\`, 1MiB | how much |

# echo
| Option | What | Default |
|:--|:-:|--:|
| \`--linger\` | how long | 5s |
`
  const documents = (guide: string, programs: Parameters<typeof wrongDefaults>[1] = code) =>
    wrongDefaults(planted({ "docs/guides/proxy.md": guide }), programs)

  it("every default that a document prints is the default of the code", () =>
    assert.deepStrictEqual(wrongDefaults(repository, codeDefaults()), []))

  it("tables that agree with the code pass, under the heading of their program", () =>
    assert.deepStrictEqual(documents(table), []))

  it("a default that differs is named, with the real one", () =>
    assert.deepStrictEqual(
      documents(table.replace("1MiB", "2MiB").replace("| 60s", "| 5s").replace("| - |", "| 1 |")),
      [
        "docs/guides/proxy.md:4: prints --upstream 1; proxy uses no default",
        "docs/guides/proxy.md:5: prints --linger 5s; proxy uses 60s",
        "docs/guides/proxy.md:6: prints --buffer-bytes 2MiB; proxy uses 1MiB",
      ],
    ))

  it("a flag that does not exist is named, and so is one that no table shows", () =>
    assert.deepStrictEqual(documents(table.replace("`--linger` | 60s", "`--lingers` | 60s")), [
      "docs/guides/proxy.md:5: prints --lingers, which proxy does not have",
      "docs: no table shows --linger of proxy",
    ]))

  it("a table whose program cannot be told must hold for all of them", () =>
    assert.deepStrictEqual(
      documents("| flag | default |\n| --- | --- |\n| `--linger` | 60s |", {
        a: { "--linger": "60s" },
        b: { "--linger": "5s" },
      }),
      ["docs/guides/proxy.md:3: prints --linger 60s; b uses 5s"],
    ))

  it("the innermost heading decides, in any case and with names of two words", () =>
    assert.deepStrictEqual(
      documents("# Proxy\n## The chain endpoint\n| flag | default |\n| --- | --- |\n| `--name` | a (or more) |", {
        chain: {},
        proxy: {},
        "chain endpoint": { "--name": "a" },
      }),
      [],
    ))

  it("tables without both columns and tables of other options are something else", () => {
    assert.deepStrictEqual(documents("| flag | meaning |\n| --- | --- |\n| `--linger` | 60s |", {}), [])
    assert.deepStrictEqual(documents("| option | default |\n| --- | --- |\n| `linger` | 60s |", {}), [])
  })
})
