/**
 * What the linter looks for. What only platform files may touch is written once, in `test/house/rules/platformFiles.ts`; the test
 * there is the authority, the linter shows the same thing while you type.
 */
import { defineConfig } from "oxlint"
import { platformFiles, restricted } from "./test/house/rules/platformFiles.ts"

const message = "Only platform files may: see test/house/rules/platformFiles.ts."

export default defineConfig({
  plugins: ["typescript", "unicorn", "oxc", "import", "vitest"],
  categories: { correctness: "error", suspicious: "error" },
  ignorePatterns: ["**/dist/**", "**/gen/**", "**/*_pb.ts"],
  rules: {
    "typescript/no-explicit-any": "error",
    "eslint/eqeqeq": "error",
    "eslint/no-var": "error",
    "eslint/prefer-const": "error",
    "eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
    // `_tag` is how Effect tells variants apart.
    "eslint/no-underscore-dangle": "off",
    // Short functions name the same thing the same way, at every depth.
    "eslint/no-shadow": "off",
    "unicorn/consistent-function-scoping": "off",
    // For windows; the ports of worker threads have no origin.
    "unicorn/require-post-message-target-origin": "off",
    // Only fresh arrays are sorted; the copy would be for nothing.
    "unicorn/no-array-sort": "off",
    "import/no-named-as-default": "off",
  },
  overrides: [
    {
      files: ["packages/*/src/**/*.ts"],
      rules: {
        "eslint/no-restricted-globals": ["error", ...restricted.globals.map((name) => ({ name, message }))],
        "eslint/no-restricted-properties": [
          "error",
          ...Object.entries(restricted.members).flatMap(([object, members]) =>
            members.map((property) => ({ object, property, message })),
          ),
        ],
        "eslint/no-restricted-imports": [
          "error",
          {
            paths: [
              ...restricted.modules.map((name) => ({ name, message, allowTypeImports: name !== "ws" })),
              { name: "effect", message: "Import modules by path: effect/Schedule." },
              { name: "@effect/platform-node", message: "Import modules by path: @effect/platform-node/NodeRuntime." },
            ],
          },
        ],
      },
    },
    {
      files: Object.keys(platformFiles),
      rules: {
        "eslint/no-restricted-globals": "off",
        "eslint/no-restricted-properties": "off",
        "eslint/no-restricted-imports": "off",
      },
    },
    {
      // What is tested are the handlers of the standard's interface.
      files: ["test/interop/web-socket-standard.test.ts"],
      rules: { "unicorn/prefer-add-event-listener": "off" },
    },
  ],
})
