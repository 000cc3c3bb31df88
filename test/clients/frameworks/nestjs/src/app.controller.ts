import { Controller, Post } from "@nestjs/common";
import { AppService } from "./app.service";

@Controller()
export class AppController {
  constructor(private readonly service: AppService) {}

  @Post("ask")
  ask() {
    return this.service.ask();
  }
}
