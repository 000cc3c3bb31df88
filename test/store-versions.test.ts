/** Tests that a link opens the new version of a file if a gateway gives all versions of the file one id. */
import { describe, expect, it } from "vitest";
import { citation } from "./file-route.js";
import { memoryStore, routeWith } from "./memory-store.js";
import { gate } from "./serving.js";

const cited = (file_id: string) => ({ ...citation("a.txt"), file_id });

/** Opens a link. */
const open = (route: { handler: (request: Request) => Promise<Response> }, url: string) =>
  route.handler(new Request(`https://example.com${url}`));

describe("a file whose id is derived from its path", () => {
  const ID = "file_2f6d6e742f64617461";
  /** Sets up a route with a store. The container has the version `api.content`; it is gone without a version. */
  function versions() {
    const { store, copies, overrides, real } = memoryStore();
    const api = { content: "version 1" as string | undefined, downloads: 0, errors: [] as unknown[] };
    const route = routeWith(
      store,
      () => {
        api.downloads++;
        if (api.content === undefined) throw Object.assign(new Error("404"), { status: 404, headers: {} });
        return new Response(api.content, { headers: { "content-length": `${api.content.length}` } });
      },
      { onError: (error) => api.errors.push(error) },
    );
    const link = () => route.urlFor(cited(ID));
    const read = async (url: string) => (await open(route, url)).text();
    return { api, route, copies, overrides, real, link, read };
  }

  it("is copied again when a link is made, but not when a link is opened", async () => {
    const { api, route, link, read, copies } = versions();
    await link();
    await route.keep();
    api.content = "version 2, longer";
    const second = await link();
    await route.keep();
    expect(await read(second)).toBe("version 2, longer");
    expect(await read(second)).toBe("version 2, longer");
    await route.keep();
    expect([copies.size, api.downloads, api.errors]).toEqual([1, 2, []]);
  });

  it("opens in its new version while the copy is under way, and after the copy has failed", async () => {
    const { api, route, link, read, overrides, real, copies } = versions();
    await link();
    await route.keep();
    api.content = "version 2";
    const held = gate();
    overrides.put = async (...args) => {
      await held.promise;
      return real.put(...args);
    };
    const second = await link();
    expect(await read(second)).toBe("version 2");
    overrides.put = () => Promise.reject(new Error("full"));
    held.open();
    await route.keep();
    api.content = "version 3";
    const third = await link();
    await route.keep();
    expect(api.errors).toHaveLength(1);
    expect(await read(third)).toBe("version 3");
    await route.keep();
    delete overrides.put;
    await link();
    await route.keep();
    expect(Buffer.from([...copies.values()][0]!.bytes).toString()).toBe("version 3");
  });

  it("is copied once more if a link is made while an older version is being copied", async () => {
    const { api, route, link, read, overrides, real } = versions();
    const [begun, held] = [gate(), gate()];
    overrides.put = async (...args) => {
      begun.open();
      await held.promise;
      return real.put(...args);
    };
    await link();
    await begun.promise;
    api.content = "version 2";
    const urls = await Promise.all(Array.from({ length: 10 }, link));
    held.open();
    await route.keep();
    api.content = undefined;
    expect(await read(urls[0]!)).toBe("version 2");
    expect([api.downloads, api.errors]).toEqual([2, []]);
  });

  it("keeps its copy if its container has expired when a link is made, without an error", async () => {
    const { api, route, link, read } = versions();
    await link();
    await route.keep();
    api.content = undefined;
    const second = await link();
    await route.keep();
    expect(await read(second)).toBe("version 1");
    expect([api.downloads, api.errors]).toEqual([2, []]);
  });
});
