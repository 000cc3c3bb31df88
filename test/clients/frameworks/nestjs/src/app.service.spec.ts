import { Test } from "@nestjs/testing";
import { collectFiles } from "openai-file-citations";
import { createResponsesEmulator, stubbornModel } from "openai-file-citations/testing";
import { AppModule } from "./app.module";
import { AppService } from "./app.service";

const emulator = createResponsesEmulator({ script: stubbornModel({ files: { "plan.docx": "a plan" } }) });
let server: Awaited<ReturnType<typeof emulator.listen>>;

beforeAll(async () => {
  server = await emulator.listen();
  process.env.OPENAI_API_KEY = "any";
  process.env.OPENAI_BASE_URL = server.baseURL;
});

afterAll(() => server.close());

test("the service's response cites the file", async () => {
  const app = await Test.createTestingModule({ imports: [AppModule] }).compile();
  const response = await app.get(AppService).ask();
  expect(collectFiles(response)).toMatchObject([{ kind: "container-file", filename: "plan.docx" }]);
});
