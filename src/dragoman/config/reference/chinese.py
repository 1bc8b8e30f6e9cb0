"""中文页：表格之前的正文、类型用词，以及每个字段的含义。

每个字段都必须在 ``MEANINGS`` 中有一条中文；缺少时 tests/config/test_reference.py 会失败。
"""

from dragoman.config.reference.fields import Words

# ruff: noqa: E501 - 表格的一行不能折行

WORDS = Words(
    integer="整数",
    number="数字",
    text="文本",
    boolean="`true` 或 `false`",
    secret="机密文本",  # noqa: S106 - 是用词，不是密码
    time="RFC 3339 时间",
    items="{}列表",
    map="机密文本字段",
    section="字段（见 {}）",
    one_of="、",
    or_null="{}，或 null",
    required="必填",
    as_model="同该模型",
)

INTRODUCTION = """\
# 配置

Dragoman 无需任何配置即可运行。需要改动的内容写进 `dragoman.yaml`：

```yaml
server:
  host: 127.0.0.1
  port: 8080
accounts:                        # 上游凭证，即账号池
  - name: anthropic-a
    provider: anthropic
    api_key: ${ANTHROPIC_API_KEY_A}
  - name: anthropic-b
    provider: anthropic
    api_key: ${ANTHROPIC_API_KEY_B}
    weight: 2                    # 新会话的份额加倍
keys:                            # 客户端密钥
  - name: ci
    key: ${CI_KEY}
    models: ["claude-haiku-*"]
    rpm: 60
models:
  - id: my-alias
    target: claude-haiku-4-5-20251001
```

`dragoman check` 读取配置，把每个错误连同文件、行号和路径一次列出；没有错误时说明将会提供什么服务：

```
dragoman.yaml:11: accounts[1].base_ulr: unknown field, did you mean base_url?
```

## 到哪里找配置文件

1. `--config` 指定的文件；
2. `DRAGOMAN_CONFIG` 指定的文件；
3. 工作目录下的 `dragoman.yaml`；
4. 都没有时不使用文件，以下列默认值为准。

文件中的相对路径以工作目录为起点。

## 谁优先

`dragoman serve` 的命令行参数优先于文件，文件优先于环境变量，环境变量优先于默认值。

| 环境变量 | 代替 |
|---|---|
| `DRAGOMAN_HOST`、`DRAGOMAN_PORT` | `server.host`、`server.port` |
| `DRAGOMAN_ADMIN_HOST`、`DRAGOMAN_ADMIN_PORT`、`DRAGOMAN_ADMIN_KEY` | `admin.host`、`admin.port`、`admin.key` |
| `DRAGOMAN_DATABASE`、`DRAGOMAN_REDIS` | `storage.database`、`storage.redis` |
| `DRAGOMAN_DATA` | 数据目录，默认 `./data`；文件中没有对应字段 |
| `ANTHROPIC_API_KEY` | `accounts`：一个名为 `anthropic` 的账号，地址为 `ANTHROPIC_BASE_URL` 或 `https://api.anthropic.com` |

空的环境变量视为未设置。文件中没有账号、也没有 `ANTHROPIC_API_KEY` 时，由内置模拟器应答，启动信息会说明这一点。

## 文件中的变量

值里的 `${NAME}` 会替换为环境变量；变量未设置就是错误。`${NAME:-default}` 在变量未设置或为空时取默认值。
`$$` 表示一个美元符号；其他字符前的 `$` 就是它本身。替换发生在 YAML 解析之后，只作用于值，不作用于键，
因此任何值都不能改变文件的结构。变量也可以代表数字或布尔值：`port: ${PORT:-8080}`。

## YAML

不加引号的值按 YAML 1.2 理解：`true` 和 `false` 是布尔值，`yes`、`no`、`on`、`off` 和日期都是文本。
重复的字段是错误，不存在的字段也是错误。没有值的字段（`api_key:`）视为没有写。

## 模型

`models` 的每一项都有 `id`。写了 `target`，它就是另一个模型的新名字；`target` 可以是已知模型的 id 或别名、任何
`claude-*` 名称，或另一项的 `id`。没有 `target` 时，它修改同名的已知模型；若没有同名模型，则新增一个模型，
除所写字段外遵循最新一代 Claude 模型的规则。结果可用 `dragoman models` 查看。

`accounts[].models` 中的通配符与发往上游的 id 比较，`keys[].models` 中的通配符与客户端所写的名称以及模型的 id 比较。

## 字段

“已生效”一栏说明当前版本是否使用该字段。被接受但尚未使用的字段，启动时和 `dragoman check` 也会逐一说明。
"""

SECTIONS = {
    "": "",
    "server": "公开端口及其限制。",
    "admin": (
        "管理 API 和指标，使用独立端口（[说明](admin.md)）。\n\n"
        "默认地址被占用时，网关照常服务、不开启管理端口并说明这一点；配置中写明的地址被占用时，网关不启动。"
    ),
    "storage": "密钥、用量和共享状态存放在哪里。",
    "accounts[]": (
        "每项是一份上游凭证，合起来就是账号池。\n\n"
        "没有任何账号时使用 `ANTHROPIC_API_KEY`；没有该变量则使用内置模拟器。"
    ),
    "keys[]": (
        "每项是文件中声明的一个客户端密钥。\n\n"
        "一个也没有时，`dragoman serve` 在首次启动时生成一个并只打印一次。"
    ),
    "models[]": (
        "每项对内置模型目录作一处增补或修改。\n\n除 `id` 和 `target` 外，每个字段都替换该模型的同名字段。"
    ),
    "models[].usd_per_mtok": (
        "单位为美元每百万 token，最多三位小数。\n\n"
        "给出输入价而没有写的缓存价格按输入价的 1.25、2 和 0.1 倍计算；其余没有写的保持不变。"
    ),
    "models[].tiers[]": "提示词超过某一长度的请求适用的另一组价格。",
    "models[].clouds": "该模型在其他云平台上的名称。\n\nid 为空表示据目前所知该平台不提供。",
    "routing": "请求如何找到账号。",
    "images": "客户端以 URL 给出的图片和文件。",
}

INSTEAD = {
    "server.workers": "只有一个进程提供服务",
    "storage.database": "密钥来自本文件，不记录用量",
    "storage.redis": "限额按进程计算",
    "storage.journal": "不记录用量",
    "keys[].budget_usd": "不统计花费",
    "keys[].budget_period": "不统计花费",
}

MEANINGS = {
    "server.host": "监听地址；`0.0.0.0` 或 `::` 表示全部。",
    "server.port": "监听端口；0 表示任一空闲端口。",
    "server.workers": "进程数；多于一个需要 `storage.redis`。",
    "server.max_body_bytes": "请求体上限，按解压后计算；超过则回答 413。",
    "server.max_connections_per_ip": "同一地址可同时打开的连接数；0 表示不限。",
    "server.first_byte_timeout_s": "等待上游首字节的时限；超时后换另一个账号，否则回答 504。",
    "server.stall_timeout_s": "流式应答中上游静默的时限；超时后流以错误结束。",
    "server.keepalive_s": "静默达到此时长，向流式客户端发送一条 SSE 注释；0 表示从不发送。",
    "server.drain_timeout_s": "收到 SIGTERM 后留给进行中请求的时间。",
    "server.expose_routing": "应答中带上 `x-dragoman-account` 和 `x-dragoman-attempts`。",
    "server.cors_origins": "允许其网页调用 API 的来源，如 `https://app.example.com`；为空则没有 CORS 头。",
    "server.trusted_proxies": "反向代理的地址或 CIDR 网段，只相信它们给出的 `X-Forwarded-For`。",
    "server.tls_cert": "证书链文件（PEM）；与 `tls_key` 一起使端口使用 HTTPS。",
    "server.tls_key": "私钥文件（PEM）。",
    "admin.host": "监听地址。",
    "admin.port": "监听端口，与公开端口不同；0 表示任一空闲端口。",
    "admin.key": "管理 API 的 Bearer 密钥；为空则生成一个并只打印一次。",
    "storage.database": (
        "`sqlite:///file`（相对于数据目录）或 `postgresql://user:password@host:5432/name`。"
    ),
    "storage.redis": "`redis://host:6379/0`：多个进程共享限额、会话亲和与健康状态；为空则不使用。",
    "storage.journal": "预写用量日志的目录。",
    "accounts[].name": "唯一；出现在日志、指标和 `x-dragoman-account` 中。",
    "accounts[].provider": "账号使用的协议；`simulator` 在本机应答，不收费，也不需要密钥。",
    "accounts[].base_url": (
        "上游的协议和主机，不含 `/v1`；为空则使用该提供方自己的地址（`https://api.anthropic.com`）。"
        "`openai` 则写成其 SDK 所用的样子，含 `/v1`（`https://openrouter.ai/api/v1`）；"
        "为空则为 `https://api.openai.com/v1`。"
    ),
    "accounts[].api_key": (
        "凭证：API 密钥；`vertex` 为访问令牌。其他云平台另有凭证，见下（[提供方](providers.md)）。"
    ),
    "accounts[].weight": "新会话的份额，相对于其他账号。",
    "accounts[].priority": "数值高的优先；没有更高的可用时才使用较低的。",
    "accounts[].max_concurrency": "同时进行的请求数；0 表示不限。",
    "accounts[].models": (
        "与模型 id 比较的通配符；为空则为该提供方所提供的（`claude-*`；模拟器为 `*`；"
        "`openai` 为 `model_ids` 中的模型，没有则为 `*`）。"
    ),
    "accounts[].model_ids": (
        "上游对模型的称呼，以 Dragoman 所用的模型 id 为键；其余模型用该提供方的通用 id。"
    ),
    "accounts[].openai_style": (
        "`openai`：该服务器如何称呼其字段（[提供方](providers.md)）；`auto`：按其地址判断。"
    ),
    "accounts[].headers": "加到每个上游请求的头。",
    "accounts[].organization": "上游组织的名称；同一组织的账号可以读取彼此的思考内容，含有这种思考的会话留在该组织内。",
    "accounts[].drain": "不再接受新请求；进行中的请求继续到结束。",
    "accounts[].never_disable": "无论上游如何应答，都继续使用该账号。",
    "accounts[].ca_file": "所信任的证书颁发机构文件（PEM）；为空则使用系统的。",
    "accounts[].proxy": (
        "通往上游的 `http://host:port`；空文本表示直连；null 表示遵循 `HTTPS_PROXY` 和 `NO_PROXY`。"
    ),
    "accounts[].region": (
        "`bedrock`：AWS 区域，如 `eu-west-1`；`vertex`：`global`、`us`、`eu` 或某个区域，"
        "如 `europe-west1`。"
    ),
    "accounts[].project": "`vertex`：Google Cloud 项目的 id。",
    "accounts[].resource": "`foundry`：资源名称，即其地址的第一部分。",
    "accounts[].bedrock_api": (
        "`bedrock`：使用 InvokeModel，或较新的 Messages API 端点（模型较少）。"
    ),
    "accounts[].inference_profile": (
        "`bedrock` 的 InvokeModel：推理配置文件（inference profile）的前缀，如 `eu` 或 `global`；"
        "为空则取模型所具有的、离 `region` 最近的；`none` 表示 id 不带前缀。"
    ),
    "accounts[].aws_access_key_id": (
        "`bedrock`：用户或会话的密钥 id。没有它也没有 `api_key` 时，由 botocore 在 AWS 工具"
        "惯用的位置寻找凭证（`pip install 'dragoman[bedrock]'`）。"
    ),
    "accounts[].aws_secret_access_key": "`bedrock`：与密钥 id 配对的密钥。",
    "accounts[].aws_session_token": "`bedrock`：与会话密钥配对的令牌。",
    "accounts[].aws_profile": "`bedrock`：botocore 使用的 AWS 配置文件中的 profile。",
    "accounts[].google_credentials": (
        "`vertex`：服务账号密钥（`pip install 'dragoman[vertex]'`）或用户凭证的 JSON 文本。"
        "没有它、没有文件也没有 `api_key` 时，询问 Google 机器上的元数据服务器。"
    ),
    "accounts[].google_credentials_file": "`vertex`：含有该文本的文件。",
    "accounts[].azure_tenant_id": (
        "`foundry`：与 `azure_client_id` 和 `azure_client_secret` 一起表示 Entra ID 的一个应用，"
        "代替 `api_key`。"
    ),
    "accounts[].azure_client_id": "`foundry`：该应用的 id。",
    "accounts[].azure_client_secret": "`foundry`：该应用的密钥。",
    "accounts[].token_url": (
        "`vertex`、`foundry`：从何处取得访问令牌；为空则按凭证所写，或使用 Google、Microsoft 自己的地址。"
    ),
    "keys[].name": "唯一；出现在日志和指标中。",
    "keys[].key": "`sk-` 加 48 个 `0-9A-Za-z` 字符。",
    "keys[].models": "该密钥可以使用的模型名称通配符。",
    "keys[].rpm": "每分钟请求数；0 表示不限。",
    "keys[].tpm": "每分钟 token 数；0 表示不限。",
    "keys[].concurrency": "同时进行的请求数；0 表示不限。",
    "keys[].token_quota": "终身可用的各类 token 总数；用完即停用；0 表示不限。",
    "keys[].budget_usd": "在 `budget_period` 内的花费上限；0 表示不限。",
    "keys[].budget_period": "预算对应的周期。",
    "keys[].expires_at": "此刻之后拒绝该密钥，RFC 3339 格式（`2027-01-31T00:00:00Z`）；null 表示永不过期。",
    "keys[].allowed_ips": "可以使用该密钥的地址或 CIDR 网段；为空表示任何地址。",
    "models[].id": "客户端使用的名称。",
    "models[].target": "实际提供服务的模型；不写则修改或新增模型 `id`。",
    "models[].usd_per_mtok": "每百万 token 的美元价格；除非另行给出分级价格，否则原有分级一并取消。",
    "models[].tiers": "长提示词的其他价格，由低到高。",
    "models[].name": "给人看的名称。",
    "models[].aliases": "客户端可以使用的其他名称。",
    "models[].context_tokens": "提示词与应答合计的 token 上限。",
    "models[].max_output_tokens": "`max_tokens` 的最大值。",
    "models[].line": "模型系列：`opus`、`sonnet`、`haiku`、`fable`、`mythos`。",
    "models[].restricted": "只提供给经过核验的组织。",
    "models[].thinking": "可接受的 `thinking.type`；为空表示该模型不思考。",
    "models[].thinking_default": "不写 `thinking` 时的行为；`always` 表示无法关闭。",
    "models[].thinking_display": "不写 `thinking.display` 时思考块显示的内容。",
    "models[].thinking_off_effort": "可与 `disabled` 或 `between_tools` 同用的最高 effort；为空表示任意。",
    "models[].interleaved": "工具调用之间的思考：没有、需要 beta 头，或在 adaptive 模式下自动进行。",
    "models[].keeps_thinking": "先前轮次的思考保留在上下文中；否则由服务器去除。",
    "models[].bound_thinking": "思考块会与产生它时位于其前的全部内容进行核对。",
    "models[].org_locked_thinking": "思考块只有产生它的组织才能读取。",
    "models[].effort": "可接受的 `output_config.effort` 级别；为空表示拒绝该字段。",
    "models[].effort_default": "不写该字段时生效的级别。",
    "models[].effort_none": (
        "如何表达 `reasoning_effort: none`：不写 `thinking`、发送该类型，或要求低 effort。"
    ),
    "models[].sampling": (
        "`free`：`temperature` 与 `top_p` 可同用；`one_of`：只能用其一；"
        "`fixed`：只能用其一，且只能取该模型自己的值；`none`：两者都拒绝。"
    ),
    "models[].fixed_temperature": "`sampling` 为 `fixed` 时唯一可接受的 `temperature`。",
    "models[].fixed_top_p": "`sampling` 为 `fixed` 时唯一可接受的 `top_p`。",
    "models[].forced_tool_choice": "接受 `tool_choice` 的 `any` 和 `tool`（手动思考时除外）。",
    "models[].prefill": "最后一条消息可以是 assistant 的（仅在思考关闭时）。",
    "models[].structured_outputs": "支持 `output_config.format` 和严格工具。",
    "models[].mid_system": "消息可以使用 `system` 角色。",
    "models[].documents": "接受 PDF 文档。",
    "models[].foreign": "由其他厂商制造：Claude 不认识的聊天参数交由其上游处理。",
    "models[].url_sources": (
        "上游自行从 https URL 获取图片和 PDF 文档。池中有账号做不到时，由网关获取。"
    ),
    "models[].image_long_edge": "图片长边缩小到的像素数。",
    "models[].image_tokens": "一张图片的 token 上限。",
    "models[].max_images": "一个请求的图片数上限。",
    "models[].max_pdf_pages": "一个请求的 PDF 页数上限。",
    "models[].min_cache_tokens": "可被缓存的最短提示词，以 token 计；0 表示没有提示词缓存。",
    "models[].cache_reads_limited": "从缓存读取的 token 计入每分钟输入 token 限额。",
    "models[].overflow": "提示词加 `max_tokens` 超出上下文时：回答 400，或应答到上限为止。",
    "models[].token_percent": "同一文本的 token 数，以 Claude 4.7 之前分词器的百分比表示。",
    "models[].extended_context_tokens": "使用 `extended_context_beta` 时的上下文；0 表示没有。",
    "models[].extended_context_beta": "扩展上下文的 `anthropic-beta` 值。",
    "models[].extended_output_tokens": "使用 `extended_output_beta` 时 `max_tokens` 的最大值；0 表示没有。",
    "models[].extended_output_beta": "扩展应答长度的 `anthropic-beta` 值。",
    "models[].released": "发布日期，如 `2026-09-22`。",
    "models[].deprecated": "宣布退役的日期。",
    "models[].retires": "已宣布的退役日期，或在此之前不会退役的日期。",
    "models[].retires_earliest": "`retires` 是最早可能的日期，而不是已宣布的日期。",
    "models[].retired": "Claude API 自此日起不再提供。",
    "models[].successor": "接替它的模型的 id。",
    "models[].us_geo_percent": "使用 `inference_geo: us` 时的价格百分比。",
    "models[].regional_percent": "云平台区域端点的价格百分比。",
    "models[].clouds": "在其他云平台上的 id。",
    "models[].usd_per_mtok.input": "既不从提示词缓存读取、也不写入缓存的输入 token。",
    "models[].usd_per_mtok.output": "输出 token，含思考。",
    "models[].usd_per_mtok.cache_write_5m": "写入五分钟提示词缓存的 token。",
    "models[].usd_per_mtok.cache_write_1h": "写入一小时提示词缓存的 token。",
    "models[].usd_per_mtok.cache_read": "从提示词缓存读取的 token。",
    "models[].tiers[].above_prompt_tokens": "全部输入 token，含缓存；超过此数时本级价格生效。",
    "models[].tiers[].usd_per_mtok": "本级中整个请求的价格。",
    "models[].clouds.bedrock": "Bedrock InvokeModel 的 id，不含推理配置文件前缀。",
    "models[].clouds.bedrock_profiles": "其推理配置文件的前缀（`us`、`eu` 等）。",
    "models[].clouds.bedrock_mantle": "Bedrock 原生 Messages API 端点的 id。",
    "models[].clouds.vertex": "Vertex AI 的 id。",
    "models[].clouds.foundry": "Microsoft Foundry 的 id。",
    "models[].clouds.bedrock_structured_outputs": "模型支持结构化输出时，Bedrock 是否也支持。",
    "models[].clouds.bedrock_automatic_cache": "InvokeModel 是否接受请求顶层的 `cache_control`。",
    "routing.affinity": "让一个会话停留在同一账号上，即其提示词缓存所在之处。",
    "routing.affinity_ttl_s": "离开原账号的会话，自上次请求起最多在新账号上停留多久；提示词缓存在此之前失效（5 分钟，请求要求一小时缓存时为 1 小时）则以缓存为准。",
    "routing.max_attempts": "首字节到达客户端之前最多尝试的账号数。",
    "routing.hedging": "首字节迟迟不到时，把请求同时发给第二个账号，最多占全部请求的 2%；上游可能两次都计费。",
    "routing.queue_timeout_s": "回答 429 之前，等待空闲或冷却中账号的时间。",
    "images.fetch": (
        "上游自身不下载的 URL（http URL，以及从名称看是文本或需要转换的图片的 URL）由网关安全下载；"
        "false 表示拒绝。"
    ),
    "images.max_bytes": "单次下载的大小上限。",
    "images.allow_private_hosts": "虽属内网仍可下载的主机、地址或 CIDR 网段。",
    "retired_models": "退役模型原样发往上游，或由目录指定的接替模型提供服务。",
    "caching": "提示词缓存：使用客户端的缓存标记，请求没有标记且足够长时由网关加上一处（`auto`）；只用客户端的标记（`client`）；不缓存（`off`）。",
    "strict": "Claude 无法遵从的参数直接回答 400，而不是给出警告。",
}
