/** Tests the code of the stores in docs/webhook.md. Redis runs as a separate process, PostgreSQL as WebAssembly. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { PGlite } from "@electric-sql/pglite";
import { Redis } from "ioredis";
import type { Pool } from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { createWebhookHandler, type WebhookDeliveries } from "../src/webhook.js";
import { codeOf, programOf } from "./run-page.js";
import { gate } from "./serving.js";
import { completed, ENDPOINT, fakeClient } from "./webhook-handler.js";

const PAGE = "docs/webhook.md";
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

/** A database in which the stores of docs/webhook.md keep their deliveries, with functions for the tests. */
interface Database {
  /** Returns a new store on this database. Each machine has its own store. */
  machine(): WebhookDeliveries;
  /** Returns how much longer a delivery is kept, in milliseconds. */
  lifetime(id: string): Promise<number>;
  /** Makes the entry of a delivery expire now. */
  expire(id: string): Promise<unknown>;
  clear(): Promise<unknown>;
  close(): Promise<unknown>;
}

/** Finds the code block of docs/webhook.md that exports the function `name`, runs the block and returns the function. */
async function exportOf<Source>(name: string): Promise<(source: Source) => WebhookDeliveries> {
  const code = (await codeOf(PAGE)).find((block) => block.includes(`export function ${name}(`));
  const program = await programOf(code!);
  try {
    return (await import(program.path))[name];
  } finally {
    await program.remove();
  }
}

async function startRedis(): Promise<Database> {
  const folder = await mkdtemp(join(tmpdir(), "redis-"));
  const socket = join(folder, "redis.sock");
  const server = spawn(
    "redis-server",
    ["--port", "0", "--unixsocket", socket, "--save", "", "--dir", folder],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  for await (const line of createInterface(server.stdout)) if (/ready to accept/i.test(line)) break;
  server.stdout.resume();
  const redisDeliveries = await exportOf<Redis>("redisDeliveries");
  const connections: Redis[] = [];
  const connect = (): Redis => {
    const connection = new Redis(socket);
    connections.push(connection);
    return connection;
  };
  const redis = connect();
  return {
    machine: () => redisDeliveries(connect()),
    lifetime: (id) => redis.pttl(`webhook:${id}`),
    expire: (id) => redis.pexpire(`webhook:${id}`, 0),
    clear: () => redis.flushall(),
    async close() {
      for (const connection of connections) connection.disconnect();
      const ended = once(server, "exit");
      server.kill();
      await ended;
      await rm(folder, { recursive: true });
    },
  };
}

async function startPostgres(): Promise<Database> {
  const postgresDeliveries = await exportOf<Pool>("postgresDeliveries");
  const postgres = new PGlite();
  const text = await readFile(new URL(`../${PAGE}`, import.meta.url), "utf8");
  await postgres.exec(/^```sql\n(.*?)^```$/ms.exec(text)![1]!);
  return {
    machine: () => postgresDeliveries(postgres as unknown as Pool),
    async lifetime(id) {
      const { rows } = await postgres.query<{ ms: number }>(
        "select extract(epoch from expires_at - now())::float * 1000 as ms from webhook_deliveries where id = $1",
        [id],
      );
      return rows[0]!.ms;
    },
    expire: (id) =>
      postgres.query("update webhook_deliveries set expires_at = now() - interval '1 second' where id = $1", [
        id,
      ]),
    clear: () => postgres.query("delete from webhook_deliveries"),
    close: () => postgres.close(),
  };
}

function hasRedis(): boolean {
  try {
    execFileSync("redis-server", ["--version"], { stdio: "pipe" });
    return true;
  } catch {
    return false;
  }
}
const isSkipped = !hasRedis() && !process.env.CI;
if (isSkipped) console.warn("skipped the tests of the webhook store in Redis: redis-server is not installed");

describe.each([
  { name: "Redis", start: startRedis, isLeftOut: isSkipped },
  { name: "PostgreSQL", start: startPostgres, isLeftOut: false },
])("the store in $name", ({ start, isLeftOut }) => {
  describe.skipIf(isLeftOut)("that machines share", () => {
    let database: Database;
    beforeAll(async () => {
      database = await start();
    });
    beforeEach(() => database.clear());
    afterAll(() => database?.close());

    /** Sets up another machine: a webhook handler with a store of its own. The stores of all machines use the same database. */
    function machine(onResponse: (deliveryId: string) => unknown) {
      const errors: unknown[] = [];
      const handler = createWebhookHandler(fakeClient(), {
        onResponse: (_response, _report, deliveryId) => onResponse(deliveryId),
        onError: (error) => errors.push(error),
        deliveries: database.machine(),
      });
      const deliver = async (id: string): Promise<number> =>
        (await handler(new Request(ENDPOINT, completed("resp_1", { id })))).status;
      return { deliver, errors };
    }

    it("makes B answer 409 while A handles the delivery, and handle it after A has failed", async () => {
      const started = gate();
      const released = gate();
      const a = machine(async () => {
        started.open();
        await released.promise;
        throw new Error("disk full");
      });
      const handledByB = vi.fn();
      const b = machine(handledByB);

      const answerOfA = a.deliver("wh_1");
      await started.promise;
      expect(await b.deliver("wh_1")).toBe(409);
      released.open();
      expect(await answerOfA).toBe(500);
      expect(a.errors).toMatchObject([{ message: "disk full" }]);
      expect(handledByB).not.toHaveBeenCalled();

      expect(await b.deliver("wh_1")).toBe(200);
      expect(await a.deliver("wh_1")).toBe(200);
      expect(handledByB).toHaveBeenCalledTimes(1);
      expect(b.errors).toEqual([]);
    });

    it("lets each delivery be handled once if all come to all machines at the same time", async () => {
      const handled: string[] = [];
      const machines = Array.from({ length: 3 }, () => machine((id) => handled.push(id)));
      const ids = Array.from({ length: 40 }, (_, n) => `wh_${n}`);
      const deliverAll = () =>
        Promise.all([...ids, ...ids].flatMap((id) => machines.map(({ deliver }) => deliver(id))));

      const statuses = new Set(await deliverAll());
      expect([...statuses].filter((status) => status !== 200 && status !== 409)).toEqual([]);
      expect(handled.toSorted()).toEqual(ids.toSorted());
      expect(new Set(await deliverAll())).toEqual(new Set([200]));
      expect(handled).toHaveLength(ids.length);
      expect(machines.flatMap(({ errors }) => errors)).toEqual([]);
    });

    it("gives the claim of a dead machine to another machine when the claim has expired", async () => {
      const [dead, other] = [database.machine(), database.machine()];
      expect([await dead.claim("wh_1"), await other.claim("wh_1")]).toEqual(["new", "busy"]);
      await database.expire("wh_1");
      expect([await other.claim("wh_1"), await dead.claim("wh_1")]).toEqual(["new", "busy"]);
    });

    it("releases neither the claim of another machine nor a handled delivery", async () => {
      const [late, other] = [database.machine(), database.machine()];
      await late.claim("wh_1");
      await database.expire("wh_1");
      await other.claim("wh_1");
      await late.release("wh_1");
      expect(await late.claim("wh_1")).toBe("busy");
      await late.done("wh_1");
      await other.release("wh_1");
      expect(await other.claim("wh_1")).toBe("done");
    });

    it("keeps a claim for ten minutes and a handled delivery for four days", async () => {
      const store = database.machine();
      await store.claim("wh_1");
      const lease = await database.lifetime("wh_1");
      expect(lease).toBeLessThanOrEqual(10 * MINUTE);
      expect(lease).toBeGreaterThan(5 * MINUTE);
      await store.done("wh_1");
      const kept = await database.lifetime("wh_1");
      expect(kept).toBeLessThanOrEqual(4 * DAY);
      expect(kept).toBeGreaterThan(3 * DAY);
    });

    it("keeps a handled delivery even if its claim has expired and was removed", async () => {
      const store = database.machine();
      await store.claim("wh_1");
      await database.clear();
      await store.done("wh_1");
      expect(await store.claim("wh_1")).toBe("done");
    });
  });
});
