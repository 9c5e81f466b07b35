// What the server says in English words of its own, in the other languages: states, kinds and the commonest fields. What is not here stays as it is.

type Row = [english: string, spanish: string, chinese: string];

const STATES: Row[] = [
  ["active", "activo", "活动"], ["approved", "aprobado", "已批准"], ["archived", "archivado", "已归档"], ["breached", "incumplido", "已越界"],
  ["cancelled", "cancelado", "已取消"], ["complete", "completo", "完成"], ["deciding", "decidiendo", "判定中"], ["degraded", "degradado", "降级"],
  ["deprecated", "obsoleto", "已弃用"], ["disabled", "desactivado", "已停用"], ["enabled", "activado", "已启用"], ["error", "error", "错误"],
  ["expired", "caducado", "已过期"], ["failed", "fallido", "失败"], ["failing", "fallando", "失败中"], ["finished", "terminado", "已完成"],
  ["firing", "activa", "告警中"], ["healthy", "sano", "健康"], ["killed", "terminado a la fuerza", "已终止"], ["maintenance", "mantenimiento", "维护中"],
  ["none", "ninguno", "无"], ["ok", "correcto", "正常"], ["passed", "superado", "通过"], ["paused", "en pausa", "已暂停"], ["pending", "pendiente", "等待中"],
  ["production", "producción", "生产"], ["progressing", "en curso", "进行中"], ["promoted", "promovido", "已发布"], ["ready", "listo", "就绪"],
  ["rejected", "rechazado", "已拒绝"], ["resolved", "resuelto", "已解决"], ["revoked", "revocado", "已吊销"], ["rolledback", "revertido", "已回滚"],
  ["running", "en ejecución", "运行中"], ["scheduled", "programado", "已计划"], ["serving", "en servicio", "服务中"], ["staging", "preproducción", "预发布"],
  ["stopped", "detenido", "已停止"], ["succeeded", "completado", "成功"], ["unhealthy", "con problemas", "异常"], ["unknown", "desconocido", "未知"],
  ["waiting", "en espera", "等待中"], ["warning", "advertencia", "警告"],
];

const KINDS: Row[] = [
  ["admin", "Administración", "管理"], ["catalog", "Catálogo", "目录"], ["gateway", "Pasarela", "网关"], ["system", "Sistema", "系统"], ["views", "Vistas", "视图"],
  ["alert channels", "Canales de alertas", "告警渠道"], ["alerts", "Alertas", "告警"], ["API keys", "Claves de API", "API 密钥"], ["approvals", "Aprobaciones", "审批"],
  ["audit", "Auditoría", "审计"], ["backups", "Copias de seguridad", "备份"], ["batch predictions", "Predicciones por lotes", "批量预测"], ["budgets", "Presupuestos", "预算"],
  ["components", "Componentes", "组件"], ["configurations", "Configuraciones", "配置"], ["dashboards", "Paneles", "仪表板"], ["dataset versions", "Versiones de datos", "数据集版本"],
  ["datasets", "Conjuntos de datos", "数据集"], ["endpoint revisions", "Revisiones", "端点版本"], ["endpoints", "Puntos de acceso", "端点"], ["environments", "Entornos", "环境"],
  ["experiments", "Experimentos", "实验"], ["explorer", "Explorador", "浏览器"], ["feature sets", "Conjuntos de características", "特征集"],
  ["governance policies", "Políticas de gobierno", "治理策略"], ["grants", "Permisos concedidos", "授权"], ["groups", "Grupos", "用户组"],
  ["identity providers", "Proveedores de identidad", "身份提供方"], ["invitations", "Invitaciones", "邀请"], ["kinds", "Tipos", "类型"], ["layouts", "Disposiciones", "布局"],
  ["listings", "Ofertas", "商品"], ["model artifacts", "Archivos del modelo", "模型文件"], ["model versions", "Versiones de modelos", "模型版本"], ["models", "Modelos", "模型"],
  ["monitors", "Monitores", "监控器"], ["OAuth clients", "Clientes OAuth", "OAuth 客户端"], ["organizations", "Organizaciones", "组织"], ["permission groups", "Grupos de permisos", "权限组"],
  ["permissions", "Permisos", "权限"], ["pipelines", "Flujos", "流水线"], ["policies", "Políticas", "策略"], ["projects", "Proyectos", "项目"],
  ["quality checks", "Comprobaciones", "质量检查"], ["quality rules", "Reglas de calidad", "质量规则"], ["quotas", "Cuotas", "配额"], ["role templates", "Plantillas de roles", "角色模板"],
  ["roles", "Roles", "角色"], ["rollouts", "Despliegues graduales", "发布"], ["routes", "Rutas", "路由"], ["runs", "Ejecuciones", "运行"],
  ["service accounts", "Cuentas de servicio", "服务账户"], ["sessions", "Sesiones", "会话"], ["sign in policies", "Políticas de acceso", "登录策略"], ["snapshots", "Instantáneas", "快照"],
  ["subscriptions", "Suscripciones", "订阅"], ["templates", "Plantillas", "模板"], ["themes", "Temas", "主题"], ["traces", "Trazas", "追踪"],
  ["training jobs", "Entrenamientos", "训练"], ["users", "Usuarios", "用户"], ["violations", "Incumplimientos", "违规"], ["widgets", "Componentes visuales", "小组件"],
];

const FIELDS: Row[] = [
  ["archived", "Archivado", "已归档"], ["amount", "Cantidad", "数量"], ["at", "Cuándo", "时间"], ["bytes", "Bytes", "字节"], ["columns", "Columnas", "列"], ["config", "Configuración", "配置"],
  ["created", "Creado", "创建时间"], ["dataset", "Conjunto de datos", "数据集"], ["dataset version", "Versión de los datos", "数据集版本"], ["deploy", "Desplegar", "部署"],
  ["density", "Densidad", "密度"], ["description", "Descripción", "说明"], ["disabled", "Desactivado", "已停用"], ["display name", "Nombre visible", "显示名称"], ["email", "Correo", "电子邮件"],
  ["enabled", "Activado", "已启用"], ["endpoint", "Punto de acceso", "端点"], ["experiment", "Experimento", "实验"], ["expires", "Caduca", "到期"], ["filename", "Archivo", "文件名"],
  ["filter", "Filtro", "筛选"], ["finished at", "Terminado", "完成时间"], ["format", "Formato", "格式"], ["kind", "Tipo", "类型"], ["labels", "Etiquetas", "标签"], ["latest", "Última", "最新"],
  ["license", "Licencia", "许可证"], ["limit", "Límite", "上限"], ["message", "Mensaje", "消息"], ["metrics", "Métricas", "指标"], ["model", "Modelo", "模型"], ["model version", "Versión del modelo", "模型版本"],
  ["name", "Nombre", "名称"], ["number", "Número", "编号"], ["owner", "Dueño", "所有者"], ["parameters", "Parámetros", "参数"], ["phase", "Estado", "状态"], ["promote", "Promover", "提升"],
  ["published", "Publicado", "已发布"], ["radius", "Radio", "圆角"], ["reason", "Motivo", "原因"], ["retry", "Reintentar", "重试"], ["cancel", "Cancelar", "取消"], ["role", "Rol", "角色"],
  ["rows", "Filas", "行数"], ["run", "Ejecución", "运行"], ["rule", "Regla", "规则"], ["severity", "Gravedad", "严重程度"], ["stage", "Etapa", "阶段"], ["started at", "Empezado", "开始时间"],
  ["state", "Estado", "状态"], ["subject", "Objeto", "对象"], ["subjects", "Sujetos", "主体"], ["tags", "Etiquetas", "标签"], ["target", "Objetivo", "目标"], ["task", "Tarea", "任务"], ["threshold", "Umbral", "阈值"],
  ["time", "Momento", "时间"], ["title", "Título", "标题"], ["type", "Tipo", "类型"], ["updated", "Actualizado", "更新时间"], ["user", "Usuario", "用户"], ["value", "Valor", "值"], ["version", "Versión", "版本"],
  ["who", "Quién", "谁"], ["workflow", "Flujo de trabajo", "工作流"], ["cancel requested", "Cancelación pedida", "已请求取消"], ["new", "Nuevo", "新建"],
];

const index = (at: 1 | 2): Record<string, string> => Object.fromEntries([...STATES, ...FIELDS, ...KINDS].map((row) => [row[0].toLowerCase(), row[at]]));

export const es = index(1);
export const zh = index(2);
