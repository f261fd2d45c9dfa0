import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

import { defineConfig } from "vite";

/**
 * Leaves `name.gz` in place of each script, style sheet and font, so that the server binary carries one form of
 * each and compresses nothing itself. Every browser that can run them takes gzip.
 */
function precompress() {
  let folder = "";
  return {
    name: "precompress",
    apply: "build",
    configResolved(config) {
      folder = join(config.root, config.build.outDir);
    },
    async closeBundle() {
      const names = await readdir(folder, { recursive: true });
      for (const name of names.filter((name) => /\.(js|css|svg|ttf)$/.test(name))) {
        const path = join(folder, name);
        await writeFile(`${path}.gz`, gzipSync(await readFile(path), { level: 9 }));
        await rm(path);
      }
    },
  };
}

export default defineConfig({
  // Relative, so that the server decides under which path it serves the folder.
  base: "./",
  plugins: [precompress()],
  build: {
    chunkSizeWarningLimit: 4096,
    modulePreload: { polyfill: false },
    rollupOptions: {
      onLog(level, log, handle) {
        // Hints of the React compiler that only mean something before bundling.
        if (log.code !== "MODULE_LEVEL_DIRECTIVE") handle(level, log);
      },
    },
  },
  worker: { format: "es" },
  server: { proxy: { "/graphql": { target: "http://127.0.0.1:8000", ws: true } } },
});
