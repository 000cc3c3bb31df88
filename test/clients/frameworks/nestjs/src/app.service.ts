import { Injectable } from "@nestjs/common";
import OpenAI from "openai";
import { withFileCitations } from "openai-file-citations";

@Injectable()
export class AppService {
  private readonly client = withFileCitations(new OpenAI());

  ask() {
    return this.client.responses.create({
      model: "gpt-5",
      input: "Write a lesson plan as a Word file.",
      tools: [{ type: "code_interpreter", container: { type: "auto" } }],
    });
  }
}
