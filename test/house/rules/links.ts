/**
 * A relative link in a document points to something that exists. Links to other hosts are not followed: tests need no network.
 */
import { links } from "../support/markdown.ts"
import { resolve, type Tree } from "../support/tree.ts"

/** Links of any Markdown file that lead nowhere. */
export const deadLinks = (tree: Tree): ReadonlyArray<string> =>
  tree.paths
    .filter((path) => path.endsWith(".md"))
    .flatMap((path) =>
      links(tree.read(path)).flatMap(({ line, target }) => {
        if (/^([a-z][a-z0-9+.-]*:|#|\/\/)/i.test(target)) return []
        const file = decodeURI(target.replace(/[#?].*$/, ""))
        const found = file.startsWith("/") ? file.slice(1) : resolve(path, file)
        return tree.has(found) ? [] : [`${path}:${line}: links to ${target}, which does not exist`]
      }),
    )
